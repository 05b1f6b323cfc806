import assert from "node:assert/strict";
import { test } from "node:test";
import { Terminal, type TextStream } from "../../src/cli/terminal.ts";

function stream(isTTY: boolean): { readonly stream: TextStream; readonly told: string[] } {
  const told: string[] = [];
  const write = (text: string): boolean => told.push(text) > 0;
  return { stream: { write, isTTY, columns: 40 } as TextStream, told };
}

test("in a log progress is one plain line a minute, on stderr", () => {
  for (const json of [false, true]) {
    const [stdout, stderr] = [stream(false), stream(false)];
    let nowUs = 5e6;
    const streams = { stdout: stdout.stream, stderr: stderr.stream };
    const terminal = new Terminal({ json }, { now: () => nowUs }, streams);
    for (let second = 0; second < 150; second++) {
      terminal.live(`second ${second}`);
      nowUs += 1e6;
    }
    assert.deepEqual(stderr.told, ["second 60\n", "second 120\n"]);
    assert.deepEqual(stdout.told, []);
  }
});

test("on a terminal progress changes in place, and what is finished takes its place", () => {
  const [stdout, stderr] = [stream(true), stream(true)];
  const streams = { stdout: stdout.stream, stderr: stderr.stream };
  const terminal = new Terminal({ json: false }, { now: () => 0 }, streams);
  terminal.live("half");
  terminal.line("done");
  assert.deepEqual(stdout.told, ["\r\x1b[2Khalf", "\r\x1b[2K", "done\n"]);
  assert.deepEqual(stderr.told, []);
});
