// One trajectory, driven and stopped in lockstep, is the same bytes on every board that npm brings;
// tools/test-boards.ts asks the others, and the same C as a native program.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Atmega328p } from "../../src/hil/atmega328p.ts";
import type { Emulated } from "../../src/hil/emulated.ts";
import { readAtmega328pImage, readRp2040Image } from "../../src/hil/image.ts";
import { lockstepHash } from "../../src/hil/lockstep.ts";
import { Rp2040 } from "../../src/hil/rp2040.ts";
import { portOf } from "./emulated-port.ts";

const expected = readFileSync("test/vectors/lockstep-pendulum.sha256", "utf8").trim();

const boards: Readonly<Record<string, () => Emulated>> = {
  rp2040: () => new Rp2040(readRp2040Image("firmware-bridge/images/rp2040-pendulum.bin")),
  atmega328p: () =>
    new Atmega328p(readAtmega328pImage("firmware-bridge/images/atmega328p-pendulum.bin")),
};

for (const [name, open] of Object.entries(boards)) {
  test(`lockstep gives the committed hash on ${name}`, async () => {
    assert.equal(await lockstepHash(portOf(open())), expected);
  });
}

test("what is no ATmega328P image is refused in one line", () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-image-"));
  const path = join(folder, "image.bin");
  const whole = readFileSync("firmware-bridge/images/atmega328p-pendulum.bin");
  try {
    for (const bytes of [whole.subarray(0, 103), Buffer.alloc(32_769, whole), whole.subarray(1)]) {
      writeFileSync(path, bytes);
      assert.throws(() => readAtmega328pImage(path), /is no ATmega328P image/);
    }
    assert.throws(
      () => readAtmega328pImage(join(folder, "none")),
      /cannot read the firmware image/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
