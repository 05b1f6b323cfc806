// A program that starts a board, tells its port, and waits to be killed.
import { setTimeout as sleep } from "node:timers/promises";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { image } from "./bench.ts";

const board = await startEmulated({ image });
process.stdout.write(`${board.path}\n`);
await sleep(60_000);
