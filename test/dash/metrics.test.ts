import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../edge/board-run.ts";
import { openBench, token } from "./bench-page.ts";

interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: Map<string, number>;
}

/** Prometheus' text, by the format's own rules; what breaks one fails. */
function parse(text: string): Map<string, Family> {
  assert.ok(text.endsWith("\n"));
  const families = new Map<string, Family>();
  let help: [string, string] | null = null;
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const told = /^# HELP (\S+) (.+)$/.exec(line);
    const typed = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (told !== null) {
      help = [told[1], told[2]];
    } else if (typed !== null) {
      const [, name, type] = typed;
      assert.equal(help?.[0], name, "HELP and TYPE belong together");
      assert.ok(!families.has(name), `${name} comes once`);
      families.set(name, { type, help: help![1], samples: new Map() });
      current = name;
    } else {
      const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})? (\S+)$/.exec(line);
      assert.ok(sample !== null, `no sample: ${line}`);
      const [, name, labels = "", value] = sample;
      const suffix = name.slice(current.length);
      const family = families.get(current)!;
      const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      assert.ok(name.startsWith(current) && suffixes.includes(suffix), line);
      assert.ok(Number.isFinite(Number(value)), line);
      family.samples.set(suffix + labels, Number(value));
    }
  }
  return families;
}

test("metrics: Prometheus reads how the run stands, in base units", async (t) => {
  const { dash, controls, staged } = await openBench(t);
  const url = new URL("/metrics", dash.url);
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (): Promise<Map<string, Family>> => {
    const answer = await fetch(url, { headers });
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return parse(await answer.text());
  };
  assert.deepEqual([...(await ask()).keys()], ["sinew_running"]);
  controls.attach(staged.run);
  await until("some cycles", () => staged.stage.steps.length > 20);
  const found = await ask();
  for (const [name, { type, samples }] of found) {
    assert.match(name, /^sinew_[a-z_]+$/);
    assert.equal(type === "counter", name.endsWith("_total"), name);
    if (type === "histogram") assert.match(name, /_seconds$/);
    if (type !== "histogram") continue;
    const buckets = [...samples].filter(([key]) => key.startsWith("_bucket"));
    const counts = buckets.map(([, count]) => count);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `${name} is cumulative`,
    );
    assert.equal(buckets.at(-1)![0], '_bucket{le="+Inf"}');
    assert.equal(counts.at(-1), samples.get("_count"));
  }
  const value = (name: string, key = ""): number | undefined => found.get(name)?.samples.get(key);
  assert.equal(value("sinew_running"), 1);
  assert.ok(value("sinew_cycles_total")! > 20);
  assert.equal(value("sinew_mode", '{mode="disarmed"}'), 1);
  assert.equal(value("sinew_mode", '{mode="armed"}'), 0);
  assert.equal(value("sinew_device_mode", '{mode="disarmed"}'), 1);
  assert.equal(value("sinew_reason", '{reason="range"}'), 0);
  assert.equal(value("sinew_run_info", '{robot="bench",policy_id="x",policy_path="x.onnx"}'), 1);
  assert.ok(value("sinew_loop_lateness_seconds", "_count")! > 20);
});

test("metrics: the token by query will do, none will not", async (t) => {
  const { dash } = await openBench(t);
  const statuses = await Promise.all(
    [`/metrics?token=${token}`, `/${token}/metrics`, "/metrics", "/metrics?token=x"].map(
      async (path) => (await fetch(new URL(path, dash.url))).status,
    ),
  );
  assert.deepEqual(statuses, [200, 200, 403, 403]);
});
