import { createRequire } from "node:module";
import { messageOf, SinewError } from "../core/errors.ts";

/** What the platform's half of node-pty offers beside its public, stream-reading interface. */
interface RawPty {
  open(columns: number, rows: number): { master: number; slave: number; pty: string };
}

/** Throws `SinewError("board")` on a platform without ptys. */
export function openPty(): { master: number; slave: number; pty: string } {
  const place = `${process.platform}-${process.arch}`;
  if (process.platform === "win32") {
    throw new SinewError("board", "emulated boards need the ptys of Linux or macOS");
  }
  try {
    const load = createRequire(createRequire(import.meta.url).resolve("@lydell/node-pty"));
    const raw = load(`@lydell/node-pty-${place}/pty.node`) as RawPty;
    return raw.open(80, 24);
  } catch (error) {
    throw new SinewError("board", `cannot open a pty on ${place}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
