import type { Emulated } from "../../src/hil/emulated.ts";
import type { Port } from "../../src/link/port.ts";

const stepNs = 200_000;
const bootNs = 20_000_000;

/** A board without a pty, whose time passes as it is read. */
export function portOf(board: Emulated): Port {
  let nowNs = bootNs;
  for (let ns = 0; ns < bootNs; ns += stepNs) board.run(ns);
  return {
    read(into) {
      nowNs += stepNs;
      board.run(nowNs);
      const length = Math.min(board.outputLength, into.length);
      into.set(board.output.subarray(0, length));
      board.outputLength = 0;
      return length;
    },
    write(bytes, length) {
      board.input.push(bytes.slice(0, length), nowNs);
      return true;
    },
    wait() {},
    close() {},
  };
}
