import { spawn } from "node:child_process";
import type { Run } from "../edge/run.ts";
import { Count } from "../edge/status.ts";

/** Signs of life within this share of systemd's patience. */
const share = 1 / 3;

/** What systemd tells a unit's program, sd_notify(3). */
export interface ServiceTold {
  readonly NOTIFY_SOCKET?: string | undefined;
  /** Without a sign for so many microseconds it kills the program. */
  readonly WATCHDOG_USEC?: string | undefined;
}

/**
 * Tells systemd that a run is ready, alive and about to end, by its program `systemd-notify`, as
 * Node opens no such socket. It says nothing outside a unit of `Type=notify`. A sign of life is one
 * of the control loop: without new cycles there is none, and systemd ends the program.
 */
export class Service {
  readonly #told: ServiceTold;
  readonly #say: (words: readonly string[]) => void;
  readonly #everyUs: number;
  #ready = false;
  #cycles = -1;
  #saidUs = Number.NEGATIVE_INFINITY;

  constructor(told: ServiceTold, say: (words: readonly string[]) => void = notify) {
    this.#told = told;
    this.#say = say;
    this.#everyUs = share * Number(told.WATCHDOG_USEC ?? Number.POSITIVE_INFINITY);
  }

  /** Call it often while the run is alive, with the time. */
  look({ status }: Pick<Run, "status">, nowUs: number): void {
    if (this.#told.NOTIFY_SOCKET === undefined) return;
    if (!this.#ready) this.#say(["--ready", "--status=running"]);
    this.#ready = true;
    const cycles = status.count(Count.cycles);
    if (nowUs - this.#saidUs < this.#everyUs || cycles === this.#cycles) return;
    this.#cycles = cycles;
    this.#saidUs = nowUs;
    this.#say(["WATCHDOG=1"]);
  }

  end(): void {
    if (this.#told.NOTIFY_SOCKET !== undefined) this.#say(["STOPPING=1"]);
  }
}

function notify(words: readonly string[]): void {
  const child = spawn("systemd-notify", words, { stdio: "ignore" });
  // Where it is missing systemd does not hear of the run, and says so itself.
  child.on("error", () => {});
  child.unref();
}
