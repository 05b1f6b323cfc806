import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { Second } from "../../src/edge/lineup.ts";
import { Members } from "../../src/edge/members.ts";
import { Count, Request, Status } from "../../src/edge/status.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { ownFolder } from "./board-run.ts";
import { refused } from "./run-words.ts";

const folder = ownFolder("members");

/** What the policy observes, of which the host itself tells the last. */
const aimed: Spec = {
  ...pendulumSpec,
  observation: [...pendulumSpec.observation, { name: "aim", unit: "rad", low: -1, high: 1 }],
};

/** A loop that looks at what is asked, and takes what it is offered where it `takes`. */
function staged(t: TestContext, takes: boolean): { members: Members; status: Status } {
  const status = new Status(aimed);
  status.setLineup(0, -1, Second.none, false);
  let offered = -1;
  const thread = {
    offer: ({ index }: { readonly index: number }) => {
      offered = index;
    },
  };
  const loop = setInterval(() => {
    if ((status.takeRequests() & Request.shadow) === 0) return;
    if (takes) status.setLineup(0, offered, Second.shadow, false);
    status.add(Count.policyRequests, 1);
  }, 1);
  t.after(() => clearInterval(loop));
  const first = { id: "x", path: "first.onnx" };
  return { members: new Members(first, randomPolicy(1, aimed).contract, status, thread), status };
}

test("members: what is no policy takes none beside it", async () => {
  const status = new Status(aimed);
  const first = { id: "x", path: "first.onnx" };
  const thread = { offer: () => assert.fail("it was offered") };
  const alone = new Members(first, randomPolicy(1, aimed).contract, status, thread, false);
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

test("members: one that the loop does not take is none of them", async (t) => {
  const { members } = staged(t, false);
  const path = await fileOf("not.onnx", aimed);
  await assert.rejects(members.shadow(path), refused("command", /was not taken/));
  assert.deepEqual(members.paths, ["first.onnx"]);
});
