// What minisign's files have in common: comments, and lines of base64.

/** Names the algorithm of a key: Ed25519. */
export const keyAlgorithm = "Ed";

/** The lines of a file; they may end with CR LF, and the last one with nothing. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** The `length` bytes that `line` spells as base64; null where it spells others, or otherwise. */
export function bytesIn(line: string | undefined, length: number): Buffer | null {
  const bytes = Buffer.from(line ?? "", "base64");
  return bytes.length === length && bytes.toString("base64") === line ? bytes : null;
}

/** The eight bytes that name a key as minisign shows them: as one number, in 16 digits. */
export function keyIdOf(bytes: Buffer): string {
  return bytes.readBigUInt64LE().toString(16).toUpperCase().padStart(16, "0");
}
