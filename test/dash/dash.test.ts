import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { Mode, makeStep } from "../../src/core/step.ts";
import { type Dash, openDash } from "../../src/dash/dash.ts";
import { foxgloveProtocols } from "../../src/dash/foxglove.ts";
import type { Hello, OrderAnswer } from "../../src/dash/message.ts";
import { Show } from "../../src/dash/show.ts";
import { Controls } from "../../src/edge/controls.ts";
import { Request } from "../../src/edge/status.ts";
import { StepRecord } from "../../src/log/record.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { until } from "../edge/board-run.ts";
import { refused, wordsOf } from "../edge/run-words.ts";
import { openBench, robot, token, Watcher } from "./bench-page.ts";

/** The status of an answer to a request with these headers, which `fetch` would not let us set. */
function statusOf(url: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, method }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    asked.on("error", reject);
    asked.end();
  });
}

function order({ url }: Dash, body: object | string): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(new URL("order", url), { method: "POST", body: text });
}

async function answerTo(dash: Dash, body: object): Promise<OrderAnswer> {
  return (await (await order(dash, body)).json()) as OrderAnswer;
}

test("dash: a page is for who has the token, and loads nothing from elsewhere", async (t) => {
  const { dash } = await openBench(t);
  assert.match(dash.url, /^http:\/\/127\.0\.0\.1:\d+\/token-of-the-test\/$/);
  const page = await fetch(dash.url);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<title>sinew<\/title>/);
  const policy = page.headers.get("content-security-policy")!;
  const { host } = new URL(dash.url);
  for (const word of [
    "default-src 'none'",
    "script-src 'self'",
    `connect-src 'self' ws://${host}`,
    "frame-ancestors 'none'",
    "form-action 'none'",
  ]) {
    assert.ok(policy.split("; ").includes(word), word);
  }
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.equal(page.headers.get("referrer-policy"), "no-referrer");
  assert.equal(page.headers.get("cache-control"), "no-store");
  const wrong = new URL("/wrong/", dash.url);
  const answer = await fetch(wrong);
  assert.equal(answer.status, 403);
  assert.match(await answer.text(), /open the address that the run printed/);
  assert.equal((await fetch(new URL("/", dash.url))).status, 403);
  assert.equal((await fetch(`${dash.url}../package.json`)).status, 403);
  assert.equal((await fetch(new URL("core/rng.js", dash.url))).status, 404);
  assert.equal((await fetch(dash.url, { method: "DELETE" })).status, 404);
  assert.equal(await statusOf(dash.url, { host: "evil.example" }), 403);
  const bare = await fetch(new URL(`/${token}`, dash.url));
  assert.equal(bare.url, dash.url);
});

test("dash: pages see the steps as the log has them, and how the run stands", async (t) => {
  const { dash, controls, staged, trouble } = await openBench(t);
  const watcher = new Watcher(dash);
  const early = new Watcher(dash);
  await until("it is open", () => early.socket.readyState === 1);
  controls.attach(staged.run);
  await until("states", () => watcher.states.length > 2 && watcher.batches.length > 2);
  const hello = watcher.texts[0] as Hello;
  assert.deepEqual([hello.kind, hello.robot, hello.policyPath], ["hello", "bench", "policy.onnx"]);
  assert.deepEqual(hello.limits, [{ low: -2, high: 1.5 }]);
  assert.deepEqual(hello.seen, [null, null, { low: -7, high: 7 }]);
  assert.deepEqual(
    hello.commands.map(({ name }) => name),
    ["arm", "stop", "reset", "hold", "resume", "swap", "back"],
  );
  const record = new StepRecord(pendulumSpec);
  const step = makeStep(pendulumSpec);
  const seqs = watcher.batches.flatMap((batch) => {
    assert.equal(batch.length % record.size, 0);
    return Array.from({ length: batch.length / record.size }, (_, at) => {
      record.decode(batch, at * record.size, step);
      assert.deepEqual(step.observation, staged.stage.steps[step.seq].observation);
      assert.deepEqual(step.action, staged.stage.steps[step.seq].action);
      return step.seq;
    });
  });
  assert.deepEqual(
    seqs,
    seqs.map((_, at) => seqs[0] + at),
    "none twice, none left out",
  );
  const state = watcher.states.at(-1)!;
  assert.equal(state.status.mode, "disarmed");
  assert.deepEqual(state.permitted, ["arm", "stop", "reset", "shadow", "status"]);
  assert.equal(state.missed, 0);
  const { decide } = watcher.states[0].times!;
  assert.equal(
    decide.counts.reduce((sum, count) => sum + count, 0),
    decide.count,
  );
  assert.ok(early.states.length > 0);
  assert.deepEqual(trouble, []);
});

test("dash: who sees the run commands it, from the one table, and the log says who", async (t) => {
  const { dash, controls, staged } = await openBench(t);
  controls.attach(staged.run);
  const watcher = new Watcher(dash);
  await until("a state", () => watcher.states.length > 0);
  const shownUs = (): number => watcher.states.at(-1)!.nowUs;
  const arm = { command: "arm", shownUs: shownUs(), viewer: 1 };
  assert.deepEqual(await answerTo(dash, arm), { ok: true, line: "armed" });
  const again = await order(dash, { command: "arm", shownUs: shownUs(), viewer: 1 });
  assert.equal(again.status, 409);
  assert.match(
    await again.text(),
    /arm is not permitted while armed; permitted: stop, hold, shadow, status/,
  );
  assert.deepEqual(await answerTo(dash, { command: "stop" }), { ok: true, line: "stopped" });
  assert.equal(staged.run.status.mode, Mode.stopped);
  const reset = { command: "reset", shownUs: shownUs(), viewer: 1 };
  assert.deepEqual(await answerTo(dash, reset), { ok: true, line: "disarmed" });
  const words = wordsOf(staged.events);
  assert.ok(words.includes("arm by page 1"), words.join("\n"));
  assert.ok(words.includes("stop by page") && words.includes("stop: stopped"), words.join("\n"));
  await until("its events", () => watcher.states.at(-1)!.events.length > 5);
});

test("dash: who does not see how the robot stands cannot arm it, but can stop it", async (t) => {
  const { dash, controls, staged } = await openBench(t);
  controls.attach(staged.run);
  const watcher = new Watcher(dash);
  await until("a state", () => watcher.states.length > 0);
  const { nowUs } = watcher.states.at(-1)!;
  for (const shownUs of [undefined, nowUs - 2e6, nowUs + 60e6]) {
    const answer = await answerTo(dash, { command: "arm", shownUs });
    assert.equal(answer.ok, false);
    assert.match(answer.line, /arm came from a page that is not up to date: look again/);
  }
  assert.equal(staged.run.status.mode, Mode.disarmed);
  assert.equal((await answerTo(dash, { command: "stop", shownUs: nowUs - 9e9 })).ok, true);
  assert.equal(staged.run.status.mode, Mode.stopped);
});

test("dash: an order that is none, or another page's, changes nothing", async (t) => {
  const { dash, controls, staged } = await openBench(t);
  controls.attach(staged.run);
  const url = String(new URL("order", dash.url));
  const foreign = { origin: "http://evil.example", "content-length": "0" };
  assert.equal(await statusOf(url, foreign, "POST"), 403);
  assert.equal(await statusOf(url, { origin: "null", "content-length": "0" }, "POST"), 403);
  assert.equal(await statusOf(url, {}, "GET"), 405);
  assert.equal((await order(dash, "x".repeat(257))).status, 413);
  assert.equal(await statusOf(url, { "transfer-encoding": "chunked" }, "POST"), 413);
  for (const body of ["", "{", "[]", '{"command":7}', '{"command":"stop","viewer":-1}']) {
    const answer = await order(dash, body);
    assert.equal(answer.status, 409, body);
    assert.match(await answer.text(), /no order: send one such as/);
  }
  assert.match((await answerTo(dash, { command: "fly" })).line, /no such command: give one of arm/);
  assert.equal(staged.run.status.mode, Mode.disarmed);
  assert.deepEqual(wordsOf(staged.events), []);
});

test("dash: a stop from the page counts before there is a run", async (t) => {
  const { dash, controls } = await openBench(t);
  const answer = await answerTo(dash, { command: "stop" });
  assert.deepEqual(answer, { ok: true, line: "stopped before anything was armed" });
  assert.ok(controls.stoppedEarly);
});

test("dash: a stream needs the token, a subprotocol, and as the page's its origin", async (t) => {
  const { dash } = await openBench(t);
  const statuses: number[] = [];
  const open = async (watcher: Watcher): Promise<void> => {
    watcher.socket.on("unexpected-response", (_, response) => {
      statuses.push(response.statusCode!);
      watcher.socket.terminate();
    });
    await until("an answer", () => watcher.socket.readyState !== 0);
    watcher.socket.terminate();
  };
  await open(new Watcher({ url: dash.url.replace(token, "wrong") } as Dash));
  await open(new Watcher(dash, "other.v1"));
  await open(new Watcher(dash, undefined, "http://evil.example"));
  assert.deepEqual(statuses, [403, 400, 403]);
  // Who only watches may come from elsewhere: Foxglove's app is a page of another origin.
  await open(new Watcher(dash, foxgloveProtocols[0], "https://app.example"));
  assert.equal(statuses.length, 3);
});

test("dash: what goes wrong with a page ends that page, never the run", async (t) => {
  const { dash, controls, trouble } = await openBench(t);
  const watcher = new Watcher(dash);
  await until("it is open", () => watcher.socket.readyState === 1);
  const closed = watcher.closed();
  // A run of which nothing can be told.
  Object.defineProperty(controls, "run", {
    value: {
      get spec() {
        throw new Error("broken");
      },
    },
  });
  assert.equal((await closed)[0], 1006);
  assert.deepEqual(trouble, ["the page: broken"]);
  assert.equal((await fetch(dash.url)).status, 200);
  assert.equal((await fetch(new URL("metrics", dash.url))).status, 500);
});

test("dash: one page too many takes the place of the first", async (t) => {
  const { dash } = await openBench(t);
  const watchers = Array.from({ length: 9 }, () => new Watcher(dash));
  const [code] = await Promise.race(watchers.map((watcher) => watcher.closed()));
  assert.equal(code, 4001);
  await until(
    "the others",
    () => watchers.filter(({ socket }) => socket.readyState === 1).length === 8,
  );
});

test("dash: a port that is taken is one clear line; the end is told to the pages", async (t) => {
  const { dash, controls: commanded, staged } = await openBench(t);
  const port = Number(new URL(dash.url).port);
  const controls = new Controls();
  const options = { token, robot, policyPath: "x", controls, onTrouble: () => {} };
  const taken = refused("page", /^no page on port \d+: it is taken; give another, or 0 for any$/);
  await assert.rejects(openDash({ ...options, port }), taken);
  const watcher = new Watcher(dash);
  await until("it is open", () => watcher.socket.readyState === 1);
  commanded.attach(staged.run);
  await until("a state", () => watcher.states.length > 0);
  const closed = watcher.closed();
  staged.run.status.ask(Request.stop);
  await until("the stop", () => staged.run.status.mode === Mode.stopped);
  dash.close();
  assert.deepEqual(await closed, [1001, "The run has ended."]);
  assert.equal(watcher.states.at(-1)!.status.mode, "stopped", "the last is told all the same");
  await assert.rejects(fetch(dash.url));
});

test("dash: a page is told where joints end", () => {
  const limit = { unit: "rad", low: -2, high: 2 };
  const spec = {
    observation: [
      { name: "elbow_position", ...limit },
      { name: "elbow_velocity", unit: "rad/s", low: -9, high: 9 },
    ],
    action: [{ name: "elbow", ...limit }],
    periodUs: 20_000,
  };
  const seenBy = { position: "elbow_position", velocity: "elbow_velocity" };
  const elbow = { ...seenBy, low: -1.5, high: 1, deceleration: 20 };
  const limits = limitsOf(spec, { joints: { elbow } });
  const show = new Show(robot, "policy.onnx", new Controls(), { now: () => 0 });
  const { seen } = show.hello({ spec, limits, startUs: 0 }, 1);
  assert.deepEqual(seen, [{ low: -1.5, high: 1 }, null]);
});
