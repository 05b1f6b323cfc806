import { type Bridge, startBridge } from "../link/bridge.ts";
import { type Broker, startBroker } from "../link/broker.ts";
import type { Rig } from "./rig.ts";
import { hilRobot } from "./scenario.ts";

const baud = 1_000_000;

/** How a host reaches the rig: by its serial port, or through a broker and a bridge of our own. */
export class Medium {
  /** The `link:` of the host's robot file. */
  readonly link: object;
  readonly #port: number;
  readonly #bridge: Bridge | null;
  #broker: Broker | null;

  private constructor(link: object, broker: Broker | null, bridge: Bridge | null) {
    this.link = link;
    this.#broker = broker;
    this.#bridge = bridge;
    this.#port = broker === null ? 0 : Number(new URL(broker.url).port);
  }

  /** Throws `SinewError` "port" or "broker". */
  static async open(kind: "serial" | "mqtt", rig: Rig): Promise<Medium> {
    if (kind === "serial") return new Medium({ serial: { path: rig.hostPath } }, null, null);
    const broker = await startBroker();
    const at = { url: broker.url, protocolVersion: broker.protocolVersion };
    try {
      const place = { ...at, prefix: "sinew", robot: hilRobot };
      return new Medium({ mqtt: at }, broker, await startBridge(rig.hostPath, baud, place));
    } catch (error) {
      await broker.close();
      throw error;
    }
  }

  /** Ends the broker, with all its connections. */
  async stopBroker(): Promise<void> {
    await this.#broker?.close();
    this.#broker = null;
  }

  /** Starts a broker where the one before was. */
  async startBroker(): Promise<void> {
    this.#broker = await startBroker(this.#port);
  }

  async close(): Promise<void> {
    await this.#bridge?.close();
    await this.stopBroker();
  }
}
