// What `auto` is on every platform: told which, it needs none of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseEngine, type EngineChoice, type Host } from "../../src/learn/engine.ts";
import { plainLosses } from "./problem.ts";

const kernel = (threads: 1 | 2): EngineChoice => ({ kind: "kernel", threads });
const wasm: EngineChoice = { kind: "kernel-wasm", threads: 1 };
const onnx: EngineChoice = { kind: "onnx", threads: 1 };

/** A host with two processors whose native kernel works, unless told. */
function hostOf(platform: string, changes: Partial<Host> = {}): Host {
  return { platform, processors: 2, nativeProblem: async () => null, ...changes };
}

const shapeOf = (width: number) => ({
  ...plainLosses.shape,
  actorHidden: [width, 8],
  criticHidden: [8, width],
});

/** Without the reason. */
async function chosen(...given: Parameters<typeof chooseEngine>): Promise<EngineChoice> {
  const { kind, threads } = await chooseEngine(...given);
  return { kind, threads };
}

for (const platform of ["linux-x64", "linux-arm64"]) {
  test(`auto on ${platform} is the native kernel, with two threads from 256 wide`, async () => {
    const host = hostOf(platform);
    for (const [width, threads] of [
      [64, 1],
      [255, 1],
      [256, 2],
      [400, 2],
    ] as const) {
      assert.deepEqual(await chosen("auto", 0, shapeOf(width), host), kernel(threads));
    }
    const one = { ...host, processors: 1 };
    assert.deepEqual(await chosen("auto", 0, shapeOf(256), one), kernel(1));
    assert.deepEqual(await chosen("auto", 1, shapeOf(256), host), kernel(1));
    assert.deepEqual(await chosen("auto", 2, shapeOf(64), host), kernel(2));
    const { reason } = await chooseEngine("auto", 0, shapeOf(64), host);
    assert.match(reason, /^auto: the native kernel works here; under 256 wide one thread/);
  });

  test(`auto on ${platform} goes by size where the native kernel does not work`, async () => {
    const host = hostOf(platform, { nativeProblem: async () => "it is of another libc" });
    assert.deepEqual(await chosen("auto", 2, shapeOf(128), host), wasm);
    assert.deepEqual(await chosen("auto", 2, shapeOf(129), host), onnx);
    const { reason } = await chooseEngine("auto", 0, shapeOf(129), host);
    assert.match(reason, /over 128 wide without the native kernel \(it is of another libc\)/);
  });
}

for (const platform of ["darwin-arm64", "darwin-x64", "win32-x64", "win32-arm64", "linux-arm"]) {
  test(`auto on ${platform} is WebAssembly and does not try a native kernel`, async () => {
    const nativeProblem = () => assert.fail("the native kernel was tried");
    const host = hostOf(platform, { nativeProblem });
    for (const width of [64, 128, 129, 256, 400]) {
      assert.deepEqual(await chosen("auto", 0, shapeOf(width), host), wasm);
    }
    const { reason } = await chooseEngine("auto", 0, shapeOf(256), host);
    assert.match(reason, new RegExp(`^auto: WebAssembly, .*not proved on ${platform}$`));
  });

  test(`on ${platform} an engine that is asked for is given`, async () => {
    const host = hostOf(platform);
    assert.deepEqual(await chosen("kernel", 0, shapeOf(256), host), kernel(2));
    for (const kind of ["kernel-wasm", "onnx", "tfjs"] as const) {
      const { reason, ...choice } = await chooseEngine(kind, 2, shapeOf(64), host);
      assert.deepEqual(choice, { kind, threads: 1 });
      assert.equal(reason, "asked for; it has one thread");
      assert.equal((await chooseEngine(kind, 1, shapeOf(64), host)).reason, "asked for");
    }
  });
}
