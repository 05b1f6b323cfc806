import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { Second } from "../../src/edge/lineup.ts";
import { Members } from "../../src/edge/members.ts";
import { Count, Request, Status } from "../../src/edge/status.ts";
import type { Offer } from "../../src/edge/worker.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import type { PublicKey } from "../../src/policy/public-key.ts";
import { signatureOf } from "../../src/policy/signature.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { secretKey } from "../policy/signed-file.ts";
import { ownFolder } from "./board-run.ts";
import { refused } from "./run-words.ts";

const folder = ownFolder("members");

/** What the policy observes, of which the host itself tells the last. */
const aimed: Spec = {
  ...pendulumSpec,
  observation: [...pendulumSpec.observation, { name: "aim", unit: "rad", low: -1, high: 1 }],
};

/** A loop that looks at what is asked, and takes what it is offered where it `takes`. */
function staged(
  t: TestContext,
  takes: boolean,
  keys: readonly PublicKey[] | null = null,
): { members: Members; status: Status; offers: Offer[] } {
  const offers: Offer[] = [];
  const status = new Status(aimed);
  status.setLineup(0, -1, Second.none, false);
  let offered = -1;
  const thread = {
    offer: (offer: Offer) => {
      offers.push(offer);
      offered = offer.index;
    },
  };
  const loop = setInterval(() => {
    if ((status.takeRequests() & Request.shadow) === 0) return;
    if (takes) status.setLineup(0, offered, Second.shadow, false);
    status.add(Count.policyRequests, 1);
  }, 1);
  t.after(() => clearInterval(loop));
  const first = { id: "x", path: "first.onnx", signer: null };
  const { contract } = randomPolicy(1, aimed);
  return { members: new Members(first, contract, keys, status, thread), status, offers };
}

test("members: what is no policy takes none beside it", async () => {
  const status = new Status(aimed);
  const first = { id: "x", path: "first.onnx", signer: null };
  const thread = { offer: () => assert.fail("it was offered") };
  const alone = new Members(first, randomPolicy(1, aimed).contract, null, status, thread, false);
  const path = await fileOf("beside.onnx", aimed);
  await assert.rejects(
    alone.shadow(path),
    refused("command", /a wiggle takes no policy beside it/),
  );
  assert.equal(status.takeRequests(), 0);
});

async function fileOf(name: string, spec: Spec): Promise<string> {
  const path = join(folder, name);
  writeFileSync(path, await exportPolicy(randomPolicy(2, spec)));
  return path;
}

test("members: who observes what the host tells is asked, who does not is not", async (t) => {
  const { members } = staged(t, true);
  const without = members.shadow(await fileOf("without.onnx", pendulumSpec));
  await assert.rejects(without, refused("contract-mismatch", /for what is driven/));
  const path = await fileOf("with.onnx", aimed);
  assert.match(await members.shadow(path), /with\.onnx .* is asked beside first\.onnx/);
  assert.deepEqual([members.second!.path, members.paths.length], [path, 2]);
});

test("members: what is wrong with a candidate's file is told with its path", async (t) => {
  const { members } = staged(t, true);
  const path = join(folder, "garbage.onnx");
  writeFileSync(path, "no policy");
  await assert.rejects(members.shadow(path), refused("policy-file", /^\S*garbage\.onnx: .*ONNX/));
  await assert.rejects(members.shadow(folder), refused("policy-file", /: it is a folder$/));
  const none = members.shadow(join(folder, "none.onnx"));
  await assert.rejects(none, refused("policy-file", /none\.onnx is no file .*: there is none$/));
});

test("members: one that the loop does not take is none of them", async (t) => {
  const { members } = staged(t, false);
  const path = await fileOf("not.onnx", aimed);
  await assert.rejects(members.shadow(path), refused("command", /was not taken/));
  assert.deepEqual(members.paths, ["first.onnx"]);
});

test("members: where keys are trusted, one of them must have signed a candidate", async (t) => {
  const key = secretKey(1);
  const { members, offers } = staged(t, true, [secretKey(2).public, key.public]);
  const path = await fileOf("signed.onnx", aimed);
  const bytes = readFileSync(path);
  const seal = (by: typeof key): void => {
    writeFileSync(`${path}.minisig`, signatureOf(bytes, "for a test", by));
  };
  await assert.rejects(members.shadow(path), refused("signature", /signed\.onnx.*no signature/));
  seal(secretKey(3));
  await assert.rejects(members.shadow(path), refused("signature", /was signed by key 03/));
  seal(key);
  writeFileSync(path, await exportPolicy(randomPolicy(3, aimed)));
  await assert.rejects(members.shadow(path), refused("signature", /is not what key 01/));
  assert.deepEqual([members.paths, offers], [["first.onnx"], []]);
  writeFileSync(path, bytes);
  const { id } = key.public;
  assert.match(await members.shadow(path), new RegExp(`, signed by ${id}\\) is asked beside`));
  assert.equal(members.second!.signer!.keyId, id);
  assert.equal(offers[0].signedBy, id);
  rmSync(`${path}.minisig`);
});

test("members: where nobody is trusted by name, no signature is looked for", async (t) => {
  const { members, offers } = staged(t, true);
  const path = await fileOf("plain.onnx", aimed);
  writeFileSync(`${path}.minisig`, "no signature");
  assert.doesNotMatch(await members.shadow(path), /signed/);
  assert.deepEqual([members.second!.signer, "signedBy" in offers[0]], [null, false]);
});
