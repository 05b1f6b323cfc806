import { type DeviceIdentity, IdentityWatch, identityQuestion } from "./device-identity.ts";
import { type EventLine, openEventLine, type Plainness } from "./event-line.ts";
import { FrameRuns } from "./frames.ts";
import { type MqttPipe, openMqttPipe } from "./mqtt.ts";
import type { MqttPlace } from "./mqtt-place.ts";

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
  /** Who the device behind it is; null until it has said so. */
  readonly device: DeviceIdentity | null;
  /**
   * Why it ended by itself: the serial port was lost. Settles only then, or at `close` with null.
   */
  readonly ended: Promise<string | null>;
  close(): Promise<void>;
}

/** A device that has not said who it is, is asked again after so many runs of frames. */
const askAgainRuns = 100;

/**
 * Moves unchanged frames between the serial port at `path` and `<prefix>/<robot>/cmd` and `/state`
 * of a broker. It holds nothing for later: what one side cannot take at once is dropped. Beside
 * that it asks the device who it is, and leaves word of it at `/presence`. `onNotice` is told what
 * a person may want to know, a line at a time. Throws `SinewError` "port" or "broker".
 */
export async function startBridge(
  path: string,
  baud: number,
  place: MqttPlace,
  onNotice: (line: string) => void = () => {},
  how: Plainness = {},
): Promise<Bridge> {
  const counts = { toDevice: 0, fromDevice: 0, droppedToDevice: 0, droppedFromDevice: 0 };
  const line = await openEventLine(path, baud, how);
  const commands = new FrameRuns();
  const states = new FrameRuns();
  const onBytes = (bytes: Uint8Array): void => {
    const run = commands.push(bytes);
    if (run === null) return;
    if (line.write(run, run.length)) counts.toDevice++;
    else counts.droppedToDevice++;
  };
  const pipe = await openMqttPipe(place, "robot", { onBytes, onNotice }).catch(async (error) => {
    await line.close();
    throw error;
  });
  let settle: (why: string | null) => void = () => {};
  const ended = new Promise<string | null>((resolve) => {
    settle = resolve;
  });
  const herald = new Herald(pipe, line);
  const forward = (bytes: Uint8Array): void => {
    const run = states.push(bytes);
    if (run === null) return;
    if (pipe.send(run)) counts.fromDevice++;
    else counts.droppedFromDevice++;
    herald.look(run);
  };
  const mute = line.listen(forward, (why) => {
    herald.tellDeath(why);
    settle(why);
  });
  herald.tellBirth();
  return {
    counts,
    get device() {
      return herald.device;
    },
    ended,
    close: async () => {
      mute();
      herald.tellDeath("it was ended");
      await pipe.close();
      await line.close();
      settle(null);
    },
  };
}

/** Keeps the word that is left of a robot true to what its device says. */
class Herald {
  readonly #pipe: Pick<MqttPipe, "leaveWord">;
  readonly #line: Pick<EventLine, "write">;
  readonly #watch = new IdentityWatch();
  readonly #question = identityQuestion();
  #runs = 0;
  #dead = false;

  constructor(pipe: Pick<MqttPipe, "leaveWord">, line: Pick<EventLine, "write">) {
    this.#pipe = pipe;
    this.#line = line;
  }

  get device(): DeviceIdentity | null {
    return this.#watch.identity;
  }

  tellBirth(): void {
    this.#pipe.leaveWord({ alive: true, device: this.device });
    if (this.device === null) this.#ask();
  }

  /** Looks at frames of the device, which are not changed. */
  look(run: Uint8Array): void {
    if (this.#watch.push(run)) this.tellBirth();
    else if (this.device === null && ++this.#runs % askAgainRuns === 0) this.#ask();
  }

  #ask(): void {
    this.#line.write(this.#question, this.#question.length);
  }

  /** The first death counts. */
  tellDeath(why: string): void {
    if (!this.#dead) this.#pipe.leaveWord({ alive: false, device: null, why });
    this.#dead = true;
  }
}
