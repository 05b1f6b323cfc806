import { fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SinewError } from "../core/errors.ts";
import type { MqttPlace } from "../link/mqtt-place.ts";

/** `sinew bridge` as a process of its own. */
export interface BridgeProcess {
  readonly pid: number;
  /** Ends it and waits until it is gone. */
  close(): Promise<void>;
}

/**
 * Starts the bridge and waits until it is ready. Throws `SinewError("port")` with its last
 * words.
 */
export async function startBridgeProcess(
  port: string,
  broker: Pick<MqttPlace, "url" | "protocolVersion">,
  robot: string,
): Promise<BridgeProcess> {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const at = ["--url", broker.url, "--protocol-version", String(broker.protocolVersion)];
  const flags = ["bridge", "--port", port, ...at, "--robot", robot];
  const child = fork(main, flags, { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const exited = once(child, "exit");
  const words: string[] = [];
  createInterface({ input: child.stderr! }).on("line", (line) => words.push(line));
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      words.push(line);
      if (line.startsWith("bridge ready")) resolve();
    });
    void exited.then(() => {
      reject(new SinewError("port", `the bridge ended: ${words.at(-1) ?? "without a word"}`));
    });
  });
  await ready;
  return {
    pid: child.pid!,
    close: async () => {
      // Its channel closing tells it to end, as it does when this process dies.
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
