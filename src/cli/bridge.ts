import { Command, Option } from "commander";
import { wholeNumber } from "./option.ts";
import { plainHelp } from "./scan.ts";
import { interrupted } from "./signal.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly port: string;
  readonly baud: number;
  readonly plain: boolean;
  readonly url: string;
  readonly prefix: string;
  readonly robot: string;
  readonly protocolVersion: "5" | "4";
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly credentials?: string;
}

/** `sinew bridge`. */
export function bridgeCommand(): Command {
  return new Command("bridge")
    .description(
      "Move unchanged frames between a serial port and an MQTT broker, beside the robot.",
    )
    .requiredOption("--port <path>", "serial port of the device, such as /dev/ttyACM0")
    .option("--baud <bits/s>", "rate of the serial line", wholeNumber(300, 4_000_000), 1_000_000)
    .option("--plain", plainHelp, false)
    .option("--url <url>", "the broker: mqtt://host:port or mqtts://...", "mqtt://127.0.0.1:1883")
    .option("--prefix <topic>", "first part of the topics", "sinew")
    .option("--robot <name>", "second part: <prefix>/<robot>/cmd, /state, /presence", "robot")
    .addOption(
      new Option("--protocol-version <n>", "5, or 4 for MQTT 3.1.1")
        .choices(["5", "4"])
        .default("5"),
    )
    .option("--ca <path>", "PEM: who signed the broker's (default: whom Node.js trusts)")
    .option("--cert <path>", "PEM: certificate to show to the broker (default: none)")
    .option("--key <path>", "PEM: its key, not for everyone to read (default: none)")
    .option("--credentials <path>", "two lines: the user's name, the password (default: none)")
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
  const { checkBrokerFiles } = await import("../link/broker-files.ts");
  const terminal = new Terminal({ json: false });
  const { port, baud, plain, url, prefix, robot, ca, cert, key, credentials } = options;
  const secured = ca !== undefined || cert !== undefined || key !== undefined;
  const protocolVersion = options.protocolVersion === "4" ? 4 : 5;
  const tls = secured ? { ca, cert, key } : undefined;
  const place = { url, prefix, robot, protocolVersion, tls, credentials } as const;
  checkBrokerFiles(place, new Date());
  const say = (line: string): void => terminal.line(line);
  const bridge = await startBridge(port, baud, place, say, { plain });
  terminal.line(`bridge ready: ${port} <-> ${url} ${prefix}/${robot}`);
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
