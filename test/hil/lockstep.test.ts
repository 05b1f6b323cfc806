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

const images = "firmware-bridge/images";
const pico = (target: string): Emulated =>
  new Rp2040(readRp2040Image(`${images}/rp2040-${target}.bin`));
const boards: readonly [name: string, target: string, open: (target: string) => Emulated][] = [
  ["rp2040", "pendulum", pico],
  ["rp2040", "pd-servo", pico],
  ["rp2040", "torque-motor", pico],
  ["rp2040", "heater", pico],
  [
    "atmega328p",
    "pendulum",
    (target) => new Atmega328p(readAtmega328pImage(`${images}/atmega328p-${target}.bin`)),
  ],
];

for (const [name, target, open] of boards) {
  test(`lockstep gives the committed hash of ${target} on ${name}`, async () => {
    const expected = readFileSync(`test/vectors/lockstep-${target}.sha256`, "utf8").trim();
    assert.equal(await lockstepHash(portOf(open(target))), expected);
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
