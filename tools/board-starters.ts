import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Board } from "../src/hil/board.ts";
import { startEmulated } from "../src/hil/emulated-board.ts";
import { qemuMachines, startQemu } from "../src/hil/qemu-board.ts";
import { startNative, startSimavr } from "../src/hil/target.ts";
import { boards, buildImage, targets } from "./firmware-image.ts";

/** The committed image of `target` for `board`, or one built into `folder`. */
function imageOf(board: string, target: string, folder: string): string {
  const committed = `firmware-bridge/images/${board}-${target}.bin`;
  if (existsSync(committed)) return committed;
  const path = join(folder, `${board}-${target}.bin`);
  if (existsSync(path)) return path;
  const { bin } = buildImage(process.cwd(), boards.find(({ name }) => name === board)!, target);
  writeFileSync(path, bin);
  return path;
}

/**
 * How each board is started with `target`, by its name; those that have no room for it are left
 * out, and natively there is what a host's compiler can build. Images that are not committed are
 * built into `folder` at the first start.
 */
export function startersOf(target: string, folder: string): Map<string, () => Promise<Board>> {
  const starters = new Map<string, () => Promise<Board>>();
  const image = (board: string): string => imageOf(board, target, folder);
  const lacks = (name: string): boolean =>
    boards.find((board) => board.name === name)?.lacks?.includes(target) === true;
  if (targets.includes(target)) starters.set("native", () => startNative(target));
  for (const board of ["rp2040", "atmega328p"] as const) {
    if (!lacks(board)) starters.set(board, () => startEmulated({ board, image: image(board) }));
  }
  if (!lacks("atmega328p")) {
    starters.set("atmega328p-simavr", () => startSimavr(image("atmega328p")));
  }
  for (const machine of qemuMachines) {
    starters.set(machine, () => startQemu(machine, image(machine)));
  }
  return starters;
}
