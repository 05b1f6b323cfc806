// A run with a password and a key, whose report, log and messages tell neither.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { issue } from "../link/certificate.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { Mosquitto } from "./mosquitto.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sinew-secrets-"));
let mosquitto: Mosquitto;
before(async () => {
  mosquitto = await Mosquitto.start();
  writeFileSync(join(folder, "policy.onnx"), await exportPolicy(randomPolicy(1)));
});
after(async () => {
  await mosquitto.close();
  rmSync(folder, { recursive: true });
});

/** All that `sinew run` says and writes of a robot at `place`. */
async function told(place: MqttPlace, ...words: readonly string[]): Promise<Buffer> {
  const { robot, ...mqtt } = place;
  const times = { commandTtlMs: 900, observationAgeMs: 900 };
  const file = { robot, link: { mqtt }, ...times, log: { directory: join(folder, "logs") } };
  writeFileSync(join(folder, "robot.yaml"), JSON.stringify(file));
  const all = ["run", "robot.yaml", "--policy", "policy.onnx", "--seconds", "0.5", ...words];
  const env = { ...process.env, XDG_RUNTIME_DIR: folder };
  const said = await new Promise<string>((resolve) => {
    execFile(process.execPath, [main, ...all], { cwd: folder, env }, (_error, out, err) => {
      resolve(out + err);
    });
  });
  const logs = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith(".mcap"))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  return Buffer.concat([Buffer.from(said), ...logs]);
}

test("mosquitto: a run tells no password and no key, in its report nor its log", async (t) => {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  t.after(() => board.close());
  const { key, cert, ...rest } = issue({ name: "arm-1", by: mosquitto.lab });
  const tls = mosquitto.tlsOf({ ...rest, key, cert });
  const user = mosquitto.file("good", ["arm-1", "s3cret"]);
  const wrong = mosquitto.file("wrong", ["arm-1", "s3cret-no-more"]);
  const secrets = ["s3cret", ...key.split("\n").filter((line) => /^[^-]/.test(line))];
  for (const place of [mosquitto.namedPlace(5, user), mosquitto.securePlace(5, tls)]) {
    const bridge = await startBridge(board.path, 1_000_000, place);
    const all = [await told(place, "--reset", "--arm", "--json"), await told(place, "--reset")];
    await bridge.close();
    for (const bytes of all) {
      assert.match(bytes.toString("latin1"), /"deviceAtRest":true|device at rest +yes/);
      assert.ok(bytes.includes("MCAP0"), "there is a log");
      for (const secret of secrets) assert.ok(!bytes.includes(secret), place.url);
    }
  }
  const refused = await told(mosquitto.namedPlace(5, wrong), "--json");
  assert.match(refused.toString("latin1"), /the user of .*wrong/);
  assert.ok(!refused.includes("s3cret"));
});
