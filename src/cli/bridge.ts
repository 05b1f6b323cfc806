import { Command } from "commander";
import { wholeNumber } from "./option.ts";
import { interrupted } from "./signal.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly port: string;
  readonly baud: number;
  readonly url: string;
  readonly prefix: string;
  readonly robot: string;
}

/** `sinew bridge`. */
export function bridgeCommand(): Command {
  return new Command("bridge")
    .description(
      "Move unchanged frames between a serial port and an MQTT broker, beside the robot.",
    )
    .requiredOption("--port <path>", "serial port of the device, such as /dev/ttyACM0")
    .option("--baud <bits/s>", "rate of the serial line", wholeNumber(300, 4_000_000), 1_000_000)
    .option("--url <url>", "the broker", "mqtt://127.0.0.1:1883")
    .option("--prefix <topic>", "first part of the topics", "sinew")
    .option("--robot <name>", "second part: <prefix>/<robot>/cmd and /state", "robot")
    .addHelpText(
      "after",
      `
Holds nothing for later: what the port or the broker cannot take at once is dropped.

Example:
  npx sinew bridge --port /dev/ttyACM0 --url mqtt://127.0.0.1:1883 --robot arm-1`,
    )
    .action(act);
}

async function act(options: Options): Promise<void> {
  const { startBridge } = await import("../link/bridge.ts");
  const terminal = new Terminal({ json: false });
  const { url, prefix, robot } = options;
  const bridge = await startBridge(options.port, options.baud, { url, prefix, robot });
  terminal.line(`bridge ready: ${options.port} <-> ${url} ${prefix}/${robot}`);
  const why = await Promise.race([bridge.ended, interrupted().then(() => null)]);
  await bridge.close();
  const { toDevice, fromDevice, droppedToDevice, droppedFromDevice } = bridge.counts;
  terminal.line(`to the device ${toDevice}, dropped ${droppedToDevice}`);
  terminal.line(`from the device ${fromDevice}, dropped ${droppedFromDevice}`);
  if (why !== null) {
    terminal.line(`bridge ended: ${why}`);
    process.exitCode = 2;
  }
}
