import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startRun } from "../../src/edge/run.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import type { PolicyEvent } from "../../src/log/event.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { signatureOf } from "../../src/policy/signature.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { secretKey } from "../policy/signed-file.ts";
import { ownFolder, patientRun, pendulumImage } from "./board-run.ts";

const folder = ownFolder("run-signed");
const [first, second] = [secretKey(1), secretKey(2)];

test("run: the bytes that were signed are run, and the log says by whom they were", async () => {
  const board = await startEmulated({ image: pendulumImage });
  try {
    const { robot, policy, startedAt } = await patientRun(board, folder);
    const path = join(folder, "policy.onnx");
    writeFileSync(`${path}.minisig`, signatureOf(policy.bytes, "the first", first));
    const next = join(folder, "next.onnx");
    const bytes = await exportPolicy(randomPolicy(2));
    writeFileSync(next, bytes);
    writeFileSync(`${next}.minisig`, signatureOf(bytes, "the next", second));
    const trust = [first, second].map((key) => key.public.line);
    const given = { bytes: Uint8Array.from(policy.bytes), path };
    const starting = startRun({ robot: { ...robot, trust }, policy: given, startedAt });
    given.bytes.fill(0);
    const run = await starting;
    await run.members.shadow(next);
    const report = await run.close();
    assert.deepEqual(report.signer, { keyId: first.public.id, comment: "the first" });
    const log = readLog(report.logPath);
    assert.equal(log.metadata.get("signedBy"), first.public.id);
    assert.equal(log.metadata.get("signature"), "the first");
    const events = log.events().filter((one): one is PolicyEvent => one.kind === "policy");
    assert.deepEqual(
      events.map(({ what, drivesSignedBy, besideSignedBy }) => [
        what,
        drivesSignedBy,
        besideSignedBy,
      ]),
      [["shadow", first.public.id, second.public.id]],
    );
  } finally {
    await board.close();
  }
});
