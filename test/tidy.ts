/** One broken rule of the house, with the line that breaks it. */
export interface Breach {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
}

/** Who may import whom: a room, and the rooms that its files may import beside their own. */
export const rooms: Readonly<Record<string, readonly string[]>> = {
  core: [],
  onnx: ["core"],
  wire: ["core"],
  log: ["core"],
  safety: ["core"],
  sim: ["core"],
  policy: ["core", "onnx"],
  link: ["core", "wire"],
  learn: ["core", "onnx", "log", "policy", "sim"],
  edge: ["core", "log", "policy", "safety", "link"],
  hil: ["core", "onnx", "wire", "log", "safety", "sim", "policy", "link", "edge"],
  dash: ["core", "wire", "log", "safety", "link", "edge"],
  cli: [
    ...["core", "onnx", "wire", "log", "safety", "sim", "policy", "link", "learn", "edge", "hil"],
    "dash",
  ],
};

/** Each native or heavy package, and the one file that may import it. */
const packages: Readonly<Record<string, string>> = {
  "@lydell/node-pty": "src/hil/pty.ts",
  "@mujoco/mujoco": "src/sim/mujoco.ts",
  "@tensorflow/tfjs": "src/learn/engine-tfjs.ts",
  aedes: "src/link/broker.ts",
  mqtt: "src/link/mqtt.ts",
  "onnxruntime-node": "src/policy/ort.ts",
  avr8js: "src/hil/atmega328p.ts",
  rp2040js: "src/hil/rp2040.ts",
  serialport: "src/link/serial.ts",
  ws: "src/dash/dash.ts",
  yaml: "src/core/yaml.ts",
};

/** A thing that must not be written, why, and the files that may. */
interface Ban {
  readonly pattern: RegExp;
  readonly reason: string;
  readonly except: RegExp;
}

const nowhere = /^$/;
/** What runs in a browser, and only there. */
const browser = /^src\/dash\/page\//;
/** TensorFlow.js greets on the console, so its file takes that over for a moment. */
const tfjs = /^src\/learn\/engine-tfjs\.ts$/;

const bans: readonly Ban[] = [
  { pattern: /\bMath\.random\(/, reason: "chance is passed in: use core/rng", except: nowhere },
  { pattern: /\bDate\.now\(|new Date\(\)/, reason: "time is passed in", except: /^src\/cli\// },
  {
    pattern: /\bperformance\.now\(/,
    reason: "ask core/clock",
    except: /^src\/(core\/clock\.ts$|dash\/page\/)/,
  },
  { pattern: /\bsetTimeout\(|\bsetInterval\(/, reason: "the loop polls", except: browser },
  {
    pattern: /\b(document\.(body|title|[a-z]+[EQ]\w+)|requestAnimationFrame|localStorage)\b/,
    reason: "Node has none",
    except: browser,
  },
  { pattern: /\bconsole\./, reason: "only cli/ writes", except: tfjs },
  { pattern: /\bas any\b|:\s*any\b/, reason: "give the type", except: nowhere },
  { pattern: /@ts-(ignore|expect-error|nocheck)/, reason: "mend the type", except: nowhere },
  { pattern: /\b(FIXME|TODO|XXX)\b/, reason: "leftover", except: nowhere },
  { pattern: /^export \* /, reason: "no barrels", except: nowhere },
  { pattern: /^export default /, reason: "exports have names", except: nowhere },
  { pattern: /\benum\b [A-Z]/, reason: "use a const object", except: nowhere },
  {
    pattern: /\bprocess\.env\b/,
    reason: "no hidden switches: pass an option",
    // By the XDG base directory specification a variable says where a user's sockets belong, and
    // by sd_notify(3) two more say where a unit reports.
    except: /^src\/cli\/runtime-folder\.ts$/,
  },
];

const lineLengthMax = 100;
const fileLinesMax = 400;
const functionLinesMax = 70;

/**
 * The rules that a source of any language keeps: `text`, at `path` below the project's root, is not
 * too long.
 */
export function lengthBreachesOf(path: string, text: string): Breach[] {
  const long = text.split("\n").length - 1 > fileLinesMax;
  return long ? [{ path, line: fileLinesMax, rule: `over ${fileLinesMax} lines: split it` }] : [];
}

/** Every rule that `text`, the TypeScript source at `path` below the project's root, breaks. */
export function breachesOf(path: string, text: string): Breach[] {
  const lines = text.split("\n");
  const breaches = lengthBreachesOf(path, text);
  const room = /^src\/([^/]+)\//.exec(path)?.[1];
  const add = (line: number, rule: string): void => {
    breaches.push({ path, line, rule });
  };
  if (!/^[a-z0-9]+([-.][a-z0-9]+)*\.ts$/.test(path.split("/").at(-1)!)) add(1, "kebab-case names");
  if (/\/(utils?|helpers?|common|types|managers?)(\.ts|\/)/.test(path)) add(1, "name the noun");
  lines.forEach((line, index) => {
    if (line.length > lineLengthMax) add(index + 1, `over ${lineLengthMax} columns`);
    if (room === undefined) return;
    for (const { pattern, reason, except } of bans) {
      if (pattern.test(line) && !except.test(path)) add(index + 1, reason);
    }
    for (const name of importsOf(line)) checkImport(path, room, name, (why) => add(index + 1, why));
  });
  for (const { start, length } of functionsOf(lines)) {
    if (length > functionLinesMax) add(start, `a function of ${length} lines: at most 70`);
  }
  return breaches;
}

function importsOf(line: string): string[] {
  return [...line.matchAll(/(?:from|import\(|import)\s*"([^"]+)"/g)].map((match) => match[1]);
}

function checkImport(path: string, room: string, name: string, add: (why: string) => void): void {
  const target = /^(?:\.\.\/)+([a-z]+)\//.exec(name)?.[1];
  if (target !== undefined && target !== room && !rooms[room]?.includes(target)) {
    add(`${room}/ may not import ${target}/`);
  }
  if (room === "safety" && /^node:/.test(name)) add("safety/ runs in a browser: nothing of Node");
  if (browser.test(path) && !name.startsWith(".")) add("dash/page/ runs in a browser: no packages");
  for (const [owned, owner] of Object.entries(packages)) {
    if ((name === owned || name.startsWith(`${owned}/`)) && path !== owner) {
      add(`${owned} is imported in ${owner} only`);
    }
  }
}

/**
 * Functions and methods by their opening line, found by indentation, as the formatter lays it
 * out.
 */
function functionsOf(lines: readonly string[]): { start: number; length: number }[] {
  const found: { start: number; length: number }[] = [];
  lines.forEach((line, index) => {
    const opens = /^( *)(export |async |static |get |set )*(function\b|[#\w]+\(|const \w+ = \()/;
    const indent = opens.exec(line)?.[1];
    if (indent === undefined || /^ *(if|for|while|switch|return|test)\b/.test(line)) return;
    // A call or a signature ends in ";" where a function's head ends in "{", be it lines later.
    const head = lines.findIndex((other, at) => at >= index && /[{;]$/.test(other));
    if (head < 0 || !lines[head].endsWith("{")) return;
    const close = lines.findIndex((other, at) => at > head && other.startsWith(`${indent}}`));
    if (close > index) found.push({ start: index + 1, length: close - index + 1 });
  });
  return found;
}
