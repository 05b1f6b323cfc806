import assert from "node:assert/strict";
import { test } from "node:test";
import { numberText } from "../../src/learn/axis.ts";
import { type Report, reportHtml } from "../../src/learn/report.ts";
import { meanInterval } from "../../src/learn/statistics.ts";
import { elementsOf } from "./xml.ts";

const report: Report = {
  task: "pendulum",
  algorithm: "ddpg",
  engine: "onnx",
  seconds: 12.34,
  settings: { seed: 3, actorRate: 3e-4, hidden: [64, 32], inner: { sigma: 0.2 } },
  defaults: { seed: 0, actorRate: 3e-4, hidden: [64, 32], inner: { sigma: 0.2 } },
  command: 'npx sinew train --folder "runs/a & <b>"',
  judged: [
    { name: "best", step: 18_000, returns: [-100, -140, -150, -160, -300] },
    { name: "final", step: 20_000, returns: [-100, -140, -150, -160, -1300] },
  ],
  rows: [1000, 2000].map((step) => ({ step, evalMean: -step, evalLow: -step, evalHigh: -step })),
  files: [{ name: "policy.onnx", bytes: 22_088, sha256: "9f86d081" }],
};

/** The page as elements; HTML's void elements and its doctype are not XML's. */
function elements(html: string): string[] {
  return elementsOf(
    html.replace("<!doctype html>", "").replaceAll(/<(meta|img)((?:"[^"]*"|[^">])*)>/g, "<$1$2/>"),
  );
}

/** The text of the page's rows and pairs, tags dropped. */
const said = (html: string): string =>
  html
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll(/\s+/g, " ")
    .replaceAll("\u2212", "-");

test("the page is well-formed, and asks for nothing from outside", () => {
  const html = reportHtml(report);
  assert.ok(elements(html).includes("table"));
  assert.doesNotMatch(html.replaceAll("http://www.w3.org/2000/svg", ""), /https?:|<script|@import/);
  assert.match(html, /default-src 'none'/);
  assert.match(html, /prefers-color-scheme:dark/);
});

test("the page says the mean, middle half, interval, worst and best of each policy", () => {
  const text = said(reportHtml(report));
  assert.match(text, /best 18,000 -170\.0 -\d+\.\d to -\d+\.\d -150\.0 -300\.0 -100\.0 5 /);
  assert.match(text, /final 20,000 -370\.0 -\d+\.\d to -\d+\.\d -150\.0 -1,300\.0 -100\.0 5 /);
  assert.match(text, /pendulum, DDPG -170\.0 mean return of the kept policy on 5 fixed starts/);
  assert.match(text, /policy\.onnx 22,088 9f86d081/);
});

test("the interval on the page is the one that the evaluation tells", () => {
  const { low, high } = meanInterval(report.judged[0].returns);
  const text = `${numberText(low, 0.1)} to ${numberText(high, 0.1)}`.replaceAll("\u2212", "-");
  assert.equal(said(reportHtml(report)).split(text).length, 3, "in the head and in the table");
});

test("the random policy stands beside the others, with its own count of starts", () => {
  const text = said(reportHtml({ ...report, random: [-1000, -1200] }));
  assert.match(text, /random policy -1,100\.0/);
  assert.match(text, /random 0 -1,100\.0 \S+ to \S+ -1,100\.0 -1,200\.0 -1,000\.0 2 /);
  assert.match(text, /uniform actions/);
  assert.doesNotMatch(said(reportHtml(report)), /random/i);
});

test("settings are written out, and those that are not the default are marked", () => {
  const html = reportHtml(report);
  assert.match(html, /<div class="changed"><dt>seed<\/dt><dd>3<\/dd>/);
  assert.match(html, /<div><dt>actorRate<\/dt><dd>0\.0003<\/dd>/);
  assert.match(html, /<div><dt>hidden<\/dt><dd>64, 32<\/dd>/);
  assert.match(html, /<div><dt>inner\.sigma<\/dt><dd>0\.2<\/dd>/);
});

test("texts of the run cannot become elements of the page", () => {
  const html = reportHtml({ ...report, task: "<script>alert(1)</script>" });
  assert.doesNotMatch(html, /<script/);
  assert.match(html, /runs\/a &amp; &lt;b&gt;/);
  elements(html);
});

test("a run is called solved from the task's own number on", () => {
  const at = (solvedReturn: number): string => said(reportHtml({ ...report, solvedReturn }));
  assert.match(at(-170), /; solved: the task asks for -170\.0/);
  assert.match(at(-169), /; not solved yet: the task asks for -169\.0/);
});

test("a film is embedded, and a run that diverged or has no rows still has a page", () => {
  const bytes = new TextEncoder().encode("<svg/>");
  const film = { type: "image/svg+xml", bytes, caption: "seed 1" } as const;
  assert.match(reportHtml({ ...report, film }), /src="data:image\/svg\+xml;base64,PHN2Zy8\+"/);
  const judged = [{ name: "best", step: 0, returns: [Number.NaN, -1] }];
  const page = reportHtml({ ...report, judged, rows: [] });
  elements(page);
  assert.match(said(page), /best 0 NaN NaN to NaN NaN/);
});

test("the same report gives the same bytes", () => {
  assert.equal(reportHtml(report), reportHtml(report));
});
