import type { RingPair } from "./byte-ring.ts";
import { makeRingPair } from "./byte-ring.ts";
import { RingPort } from "./memory.ts";
import { carryRings, type MqttPlace } from "./mqtt.ts";
import type { Port } from "./port.ts";
import { lockSerialLine, openSerialPort } from "./serial.ts";

/** How to reach a robot. */
export type LinkChoice =
  | { readonly serial: { readonly path: string; readonly baud: number } }
  | { readonly mqtt: MqttPlace };

/** What the control thread needs to open its port; can be sent between threads. */
export type Door = { readonly serialPath: string } | { readonly rings: RingPair };

/** A link that the main thread holds open for the control thread. */
export interface Link {
  /** For messages, such as `serial /dev/ttyACM0`. */
  readonly name: string;
  readonly door: Door;
  close(): Promise<void>;
}

/** Opens a link on the main thread. Throws `SinewError` "port" or "broker". */
export async function openLink(choice: LinkChoice): Promise<Link> {
  if ("serial" in choice) {
    const line = await lockSerialLine(choice.serial.path, choice.serial.baud, true);
    return {
      name: `serial ${line.path}`,
      door: { serialPath: line.path },
      close: () => line.close(),
    };
  }
  const rings = makeRingPair();
  const close = await carryRings(choice.mqtt, rings);
  const { url, prefix, robot } = choice.mqtt;
  return { name: `mqtt ${url} ${prefix}/${robot}`, door: { rings }, close };
}

/** The control thread's end of a link. */
export function openPort(door: Door): Port {
  if ("serialPath" in door) return openSerialPort(door.serialPath);
  return new RingPort(door.rings.toDevice, door.rings.fromDevice);
}
