import { FrameRuns } from "./frames.ts";
import { type MqttPlace, openMqttPipe } from "./mqtt.ts";
import { listenToSerial, lockSerialLine, openSerialPort } from "./serial.ts";

/** What a bridge moved and lost, in runs of whole frames. */
export interface BridgeCounts {
  toDevice: number;
  fromDevice: number;
  /** Could not be written to the serial port at once. */
  droppedToDevice: number;
  /** Could not be given to the broker at once. */
  droppedFromDevice: number;
}

/** A running bridge. */
export interface Bridge {
  readonly counts: Readonly<BridgeCounts>;
  /**
   * Why it ended by itself: the serial port was lost. Settles only then, or at `close` with null.
   */
  readonly ended: Promise<string | null>;
  close(): Promise<void>;
}

/**
 * Moves unchanged frames between the serial port at `path` and `<prefix>/<robot>/cmd` and `/state`
 * of a broker. It looks at nothing but the 0x00 that ends a frame, and holds nothing for later:
 * what one side cannot take at once is dropped. Throws `SinewError` "port" or "broker".
 */
export async function startBridge(path: string, baud: number, place: MqttPlace): Promise<Bridge> {
  const counts = { toDevice: 0, fromDevice: 0, droppedToDevice: 0, droppedFromDevice: 0 };
  const line = await lockSerialLine(path, baud, false);
  const port = openSerialPort(path);
  const commands = new FrameRuns();
  const states = new FrameRuns();
  const pipe = await openMqttPipe(place, "robot", (bytes) => {
    const run = commands.push(bytes);
    if (run === null) return;
    if (port.write(run, run.length)) counts.toDevice++;
    else counts.droppedToDevice++;
  }).catch(async (error: unknown) => {
    port.close();
    await line.close();
    throw error;
  });
  let settle: (why: string | null) => void = () => {};
  const ended = new Promise<string | null>((resolve) => {
    settle = resolve;
  });
  const forward = (bytes: Uint8Array): void => {
    const run = states.push(bytes);
    if (run === null) return;
    if (pipe.send(run)) counts.fromDevice++;
    else counts.droppedFromDevice++;
  };
  const mute = listenToSerial(path, forward, settle);
  return {
    counts,
    ended,
    close: async () => {
      mute();
      await pipe.close();
      port.close();
      await line.close();
      settle(null);
    },
  };
}
