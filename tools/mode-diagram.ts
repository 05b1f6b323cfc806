/**
 * node dist/tools/mode-diagram.js
 *
 * Writes the supervisor's table, and a Mermaid diagram of it, between the marks in docs/safety.md.
 * test/tools/mode-diagram.test.ts fails where they are another table's.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Mode, nameOfMode } from "../src/core/step.ts";
import { Happening, modeTable, nameOfHappening } from "../src/safety/supervisor.ts";

export const documentPath = "docs/safety.md";
const marks = ["<!-- modes -->\n", "<!-- /modes -->"] as const;
const modes = Object.values(Mode);
const happenings = Object.values(Happening);

/** `document` with what the table says now between its marks. Throws where it has none. */
export function withModes(document: string): string {
  const [begin, end] = [document.indexOf(marks[0]), document.indexOf(marks[1])];
  if (begin < 0 || end < begin) throw new Error(`put ${marks.join("and ")} into the document`);
  const head = document.slice(0, begin) + marks[0];
  return `${head}${tableText()}\n${diagramText()}${document.slice(end)}`;
}

function tableText(): string {
  const head = ["Mode", ...happenings.map(nameOfHappening)];
  const rows = modes.map((mode) => [nameOfMode(mode), ...modeTable[mode].map(cellText)]);
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`);
  return lines.join("").replace(/\|( --- \|)+/, (line) => line.replaceAll(" ", ""));
}

function cellText(to: Mode | -1): string {
  return to === -1 ? "–" : nameOfMode(to);
}

/** What changes the mode; several happenings on one arrow. */
function diagramText(): string {
  const arrows = modes.flatMap((from) => {
    return modes.flatMap((to) => {
      const names = happenings.filter((one) => from !== to && modeTable[from][one] === to);
      if (names.length === 0) return [];
      const words = names.map(nameOfHappening).join(", ");
      return `  ${nameOfMode(from)} --> ${nameOfMode(to)}: ${words}\n`;
    });
  });
  const start = `  [*] --> ${nameOfMode(Mode.disarmed)}\n`;
  return `\`\`\`mermaid\nstateDiagram-v2\n${start}${arrows.join("")}\`\`\`\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(documentPath, withModes(readFileSync(documentPath, "utf8")));
}
