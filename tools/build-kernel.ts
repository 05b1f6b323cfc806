// Builds the kernel's addons and its WebAssembly module from src/learn/kernel/core, and the
// perceptron that drives robots from src/policy/perceptron, with zig's C compiler, for all
// platforms on this one.
//   node dist/tools/build-kernel.js [--check] [--only NAME]
// --check builds into a temporary folder and exits 1 where a committed file differs by a byte.
// Needs Python 3 and npm; installs the compiler and Node-API's headers below build/kernel.
import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const zigVersion = "0.17.1";
const headersVersion = "1.9.0";

/** What one file is built from: the core once for each kind of processor. */
interface Target {
  readonly name: string;
  /** Where the sources are, and where the file goes; the kernel's where they are left out. */
  readonly from?: string;
  readonly into?: string;
  readonly triple: string;
  readonly cores: readonly { readonly run: string; readonly flags: readonly string[] }[];
  readonly sources: readonly string[];
  readonly compile: readonly string[];
  readonly link: readonly string[];
}

const x64 = [
  {
    run: "kernel_run_avx512",
    flags: [
      ...["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mavx2", "-mfma"],
      "-mprefer-vector-width=512",
    ],
  },
  { run: "kernel_run_avx2", flags: ["-mavx2", "-mfma"] },
  { run: "kernel_run_sse2", flags: [] },
];
const arm64 = [{ run: "kernel_run_neon", flags: [] }];
const addon = ["team.c", "addon.c"];
const posix = ["-fPIC", "-D_GNU_SOURCE"];
const elf = ["-shared", "-s", "-Wl,--build-id=none", "-lpthread"];
const macho = ["-shared", "-s", "-Wl,-undefined,dynamic_lookup"];

const simd = ["-msimd128", "-mbulk-memory"];
const wasm = [
  ...["-nostdlib", "-msimd128", "-mbulk-memory", "-Wl,--no-entry", "-Wl,--strip-all"],
  ...["-Wl,--export=__heap_base", "-Wl,-z,stack-size=65536"],
];
const perceptron = "src/policy/perceptron";

const targets: readonly Target[] = [
  {
    name: "linux-x64.node",
    triple: "x86_64-linux-gnu.2.17",
    ...{ cores: x64, sources: addon, compile: posix, link: elf },
  },
  {
    name: "linux-arm64.node",
    triple: "aarch64-linux-gnu.2.17",
    ...{ cores: arm64, sources: addon, compile: posix, link: elf },
  },
  {
    name: "darwin-arm64.node",
    triple: "aarch64-macos.11.0",
    ...{ cores: arm64, sources: addon, compile: posix, link: macho },
  },
  {
    name: "darwin-x64.node",
    triple: "x86_64-macos.11.0",
    ...{ cores: x64, sources: addon, compile: posix, link: macho },
  },
  {
    name: "win32-x64.node",
    triple: "x86_64-windows-gnu",
    ...{ cores: x64, sources: addon, compile: [], link: ["-shared", "-s"] },
  },
  {
    name: "kernel.wasm",
    triple: "wasm32-freestanding",
    cores: [{ run: "kernel_run", flags: [] }],
    sources: ["wasm.c"],
    ...{ compile: simd, link: wasm },
  },
  {
    name: "perceptron.wasm",
    ...{ from: perceptron, into: perceptron, triple: "wasm32-freestanding", cores: [] },
    ...{ sources: ["perceptron.c"], compile: simd, link: wasm },
  },
];

/** No fusing of products and sums but where the sources say so: each file's results are fixed. */
const flags: readonly string[] = [
  ...["-std=gnu11", "-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"],
  ...["-Wall", "-Wextra", "-Werror"],
];

/** Runs a program; throws an Error of one line where it is missing or fails. */
function run(command: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const result = spawnSync(command, args, { encoding: "utf8", ...options });
  if (result.error !== undefined) throw new Error(`${command} does not start: install it`);
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(" ")} failed:\n${String(result.stderr).trim()}`);
  }
  return String(result.stdout);
}

/** Where the compiler and the headers are, once they are there. */
interface Tools {
  readonly python: string;
  readonly headers: string;
  readonly cache: string;
}

function install(folder: string): Tools {
  mkdirSync(folder, { recursive: true });
  const venv = join(folder, "venv");
  const python = join(venv, "bin/python");
  const zig = () => run(python, ["-m", "ziglang", "version"]).trim();
  if (!existsSync(python)) run("python3", ["-m", "venv", venv]);
  if (!existsSync(join(venv, "bin/python-zig")) || zig() !== zigVersion) {
    run(python, ["-m", "pip", "install", "-q", `ziglang==${zigVersion}`]);
  }
  const headers = join(folder, "headers", headersVersion);
  if (!existsSync(join(headers, "package/include/node_api.h"))) {
    mkdirSync(headers, { recursive: true });
    const [archive] = run("npm", ["pack", "--silent", `node-api-headers@${headersVersion}`], {
      cwd: headers,
    }).match(/\S+\.tgz/) ?? [""];
    run("tar", ["xzf", archive], { cwd: headers });
  }
  return { python, headers: join(headers, "package"), cache: join(folder, "cache") };
}

/** The bytes of one target, which depend on the sources and on the compiler's version only. */
function build(sources: string, target: Target, tools: Tools): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "sinew-kernel-"));
  const env = {
    ...process.env,
    ZIG_GLOBAL_CACHE_DIR: tools.cache,
    ZIG_LOCAL_CACHE_DIR: tools.cache,
  };
  const zig = (...args: string[]): string =>
    run(tools.python, ["-m", "ziglang", ...args], { cwd: folder, env });
  try {
    cpSync(sources, folder, { recursive: true });
    cpSync(tools.headers, join(folder, "headers"), { recursive: true });
    const compile = (from: string, to: string, more: readonly string[]): string => {
      const include = ["-Iheaders/include", `-ffile-prefix-map=${folder}=.`];
      const common = [...flags, ...target.compile, ...include, ...more];
      zig("cc", "-target", target.triple, ...common, "-c", from, "-o", to);
      return to;
    };
    const objects = [
      ...target.cores.map(({ run: name, flags: own }) =>
        compile("core.c", `${name}.o`, [...own, `-DRUN=${name}`]),
      ),
      ...target.sources.map((source) => compile(source, `${source}.o`, [])),
    ];
    if (target.triple.includes("windows")) {
      for (const name of ["js_native_api", "node_api"]) {
        const def = `headers/def/${name}.def`;
        zig("dlltool", "-m", "i386:x86-64", "-D", "node.exe", "-d", def, "-l", `${name}.lib`);
        objects.push(`${name}.lib`);
      }
    }
    zig("cc", "-target", target.triple, ...objects, ...target.link, "-o", target.name);
    const bytes = readFileSync(join(folder, target.name));
    return target.triple.includes("windows") ? withoutTime(bytes) : bytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A Windows library whose header does not say when it was linked. */
function withoutTime(bytes: Buffer): Buffer {
  const header = bytes.readUInt32LE(0x3c);
  bytes.writeUInt32LE(0, header + 8);
  return bytes;
}

function main(): void {
  const root = process.cwd();
  const checking = process.argv.includes("--check");
  const only = process.argv.indexOf("--only");
  const wanted = targets.filter(({ name }) => only < 0 || name === process.argv[only + 1]);
  const tools = install(resolve(root, "build/kernel"));
  const prebuilt = join(root, "src/learn/kernel/prebuilt");
  const lines = new Map<string, string>();
  for (const target of wanted) {
    const { from = "src/learn/kernel/core", into = "src/learn/kernel/prebuilt" } = target;
    const bytes = build(join(root, from), target, tools);
    const hash = createHash("sha256").update(bytes).digest("hex");
    const path = join(root, into, target.name);
    if (dirname(path) === prebuilt) lines.set(target.name, `${hash}  ${target.name}\n`);
    if (!checking) {
      mkdirSync(dirname(path), { recursive: true });
      // A process that has the old file mapped keeps it: a file written over would crash it.
      writeFileSync(`${path}.new`, bytes);
      renameSync(`${path}.new`, path);
    } else if (!existsSync(path) || !readFileSync(path).equals(bytes)) {
      process.stderr.write(`${into}/${target.name} is not what zig ${zigVersion} builds here\n`);
      process.exitCode = 1;
      continue;
    }
    const verb = checking ? "equal" : "wrote";
    process.stdout.write(`${verb} ${into}/${target.name} ${bytes.length} bytes ${hash}\n`);
  }
  if (only >= 0) return;
  const list = join(prebuilt, "SHA256SUMS");
  const text = [...lines.values()].join("");
  if (!checking) writeFileSync(list, text);
  else if (!existsSync(list) || readFileSync(list, "utf8") !== text) {
    process.stderr.write("prebuilt/SHA256SUMS does not list what the sources give\n");
    process.exitCode = 1;
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
