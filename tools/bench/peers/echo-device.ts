import { spawn, spawnSync } from "node:child_process";
import { closeSync } from "node:fs";
import { join, resolve } from "node:path";
import { openPty } from "../../../src/hil/pty.ts";
import { lockSerialLine } from "../../../src/link/serial.ts";

/** Compiles `tools/bench/peers/<name>.c` into `folder`; returns the program's path. */
export function compile(name: string, folder: string): string {
  const program = join(folder, name);
  const source = resolve("tools/bench/peers", `${name}.c`);
  const result = spawnSync("cc", ["-O2", "-Wall", "-Werror", source, "-o", program], {
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(`cc failed: ${result.error ?? result.stderr}`);
  return program;
}

/** Runs `work` on the path of a pty behind which `program`, echo.c, answers, on the second core. */
export async function withEchoDevice<T>(
  program: string,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const { master, slave, pty } = openPty();
  // This makes the line raw, and it stays so.
  await (await lockSerialLine(pty, 1_000_000, false)).close();
  const device = spawn("taskset", ["-c", "1", program], { stdio: [master, master, "inherit"] });
  closeSync(master);
  try {
    return await work(pty);
  } finally {
    device.kill("SIGKILL");
    closeSync(slave);
  }
}
