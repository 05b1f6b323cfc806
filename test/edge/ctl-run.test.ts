import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode } from "../../src/core/step.ts";
import { Controls } from "../../src/edge/controls.ts";
import { askRun } from "../../src/edge/ctl-client.ts";
import { ctlPlaces } from "../../src/edge/ctl-place.ts";
import type { CtlAnswer } from "../../src/edge/ctl-request.ts";
import { openCtl } from "../../src/edge/ctl-server.ts";
import { ownFolder, until } from "./board-run.ts";
import { RawClient } from "./raw-client.ts";
import { StagedRun } from "./staged-run.ts";

const folder = ownFolder("ctl-run");
const waitMs = 10_000;

test("ctl: a run is commanded while others send garbage and an arm is waited for", async (t) => {
  const controls = new Controls();
  const server = await openCtl(ctlPlaces(folder, folder), "bench", controls);
  const { run, stage, events } = new StagedRun(t);
  controls.attach(run);
  const ask = (command: string): Promise<CtlAnswer> => {
    return askRun(server.path, { command, pid: 42 }, waitMs);
  };
  const armed = await ask("arm");
  assert.deepEqual([armed.ok, armed.line, armed.status!.mode], [true, "armed", "armed"]);
  assert.deepEqual(armed.status!.permitted, ["stop", "hold", "shadow", "status"]);
  const noise = new RawClient(server.path);
  for (let time = 0; time < 50; time++) noise.socket.write(`${"x".repeat(200)}\n`);
  await noise.answered(50);
  assert.equal(run.status.mode, Mode.armed, "garbage changes nothing");
  assert.equal((await ask("stop")).ok, true);
  assert.deepEqual([(await ask("arm")).ok, (await ask("reset")).ok], [false, true]);
  // A device that hears nothing makes an arm take its time.
  stage.cut = true;
  const one = new RawClient(server.path);
  one.socket.write('{"command":"arm"}\n{"command":"reset"}\n{"command":"status"}\n');
  const [busy, state] = await one.answered(2);
  assert.match(busy.line, /arm \(ctl\) is under way/);
  assert.deepEqual([state.command, state.status!.mode], ["status", "disarmed"]);
  const stopped = ask("stop");
  await until("the stop", () => run.status.mode === Mode.stopped);
  stage.cut = false;
  assert.equal((await stopped).ok, true);
  const answers = await one.answered(3);
  assert.deepEqual([answers[2].command, answers[2].ok], ["arm", false]);
  assert.equal(noise.answers.length, 50);
  await run.close();
  server.close();
  const asked = events.flatMap((event) => {
    return event.kind === "command" ? [`${event.command} ${event.source}`] : [];
  });
  assert.deepEqual(asked, [
    ...["arm ctl pid 42", "stop ctl pid 42", "arm ctl pid 42", "reset ctl pid 42"],
    ...["arm ctl", "reset ctl", "status ctl", "stop ctl pid 42"],
  ]);
});
