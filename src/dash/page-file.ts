import { readFileSync } from "node:fs";

/** A file that a browser may load, held in memory. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  js: "text/javascript; charset=utf-8",
};

// Modules as they are compiled; what they import is in the list too, and nothing of it is Node's.
// A style sheet and a picture are served as they are.
const shared = ["core/errors", "core/step"];
const drawing = ["channel-card", "differences", "element", "history", "judgement", "palette"];
drawing.push("plot", "sheet", "stop-key", "traces", "words");

/** Of the live page. */
export const runModules: readonly string[] = [
  ...[...shared, "core/protobuf", "log/record", "log/schema", "dash/message"],
  ...["policy-record", "shadow-counts"].map(ofEdge),
  ...[...drawing, "buttons", "contract-table", "feed", "policy-facts"].map(ofPage),
  ...["run-page", "timing"].map(ofPage),
];

/** Of the failsafe page: the loop, the gate and the supervisor's table that drive robots. */
export const failsafeModules: readonly string[] = [
  ...[...shared, "core/history", "core/one-nan", "link/device", "link/expiry-trial"],
  "wire/messages",
  ...["commands", "histogram", "lineup", "loop", "policy-record", "run-status"].map(ofEdge),
  ...["setpoints", "shadow-counts", "start", "status", "tick", "transition-event"].map(ofEdge),
  ...["action-change", "approach", "barrier", "between", "guard", "hold"].map(ofSafety),
  ...["hold-gains", "joint", "limits", "recovery", "seen-limits", "supervisor"].map(ofSafety),
  ...[...drawing, "failsafe-bench", "failsafe-fault", "failsafe-page"].map(ofPage),
  ...["failsafe-servo", "mode-table"].map(ofPage),
];

function ofEdge(name: string): string {
  return `edge/${name}`;
}

function ofSafety(name: string): string {
  return `safety/${name}`;
}

function ofPage(name: string): string {
  return `dash/page/${name}`;
}

/**
 * What is served, by its path: `page` at `/`, style and pictures beside it, and `modules` at their
 * places below `src/`.
 */
export function pageFiles(
  page: string,
  assets: readonly string[],
  modules: readonly string[],
): Map<string, PageFile> {
  const files = new Map<string, PageFile>();
  const add = (path: string, from: URL): void => {
    const type = types[from.pathname.split(".").at(-1)!]!;
    files.set(path, { type, body: readFileSync(from) });
  };
  const sources = new URL("../../../src/dash/page/", import.meta.url);
  add("/", new URL(page, sources));
  for (const name of assets) add(`/dash/page/${name}`, new URL(name, sources));
  for (const name of modules) add(`/${name}.js`, new URL(`../${name}.js`, import.meta.url));
  return files;
}
