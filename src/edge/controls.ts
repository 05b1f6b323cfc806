import { monotonicClock } from "../core/clock.ts";
import { messageOf, SinewError } from "../core/errors.ts";
import { nameOfMode } from "../core/step.ts";
import type { CommandEvent, LogEvent } from "../log/event.ts";
import { type Command, permittedIn } from "./commands.ts";
import type { Run } from "./run.ts";

/**
 * The one place through which a run is commanded, whatever the way. It is there before its run, so
 * that a stop counts from the first moment on.
 */
export class Controls {
  readonly #clock = monotonicClock();
  readonly #onEvent: (event: LogEvent) => void;
  /** What was asked for before there was a log to keep it in. */
  readonly #early: LogEvent[] = [];
  #run: Run | null = null;
  #stoppedEarly = false;
  /** Who is being waited for. */
  #waiting: CommandEvent | null = null;

  /** `onEvent` is told of each command and each answer. */
  constructor(onEvent: (event: LogEvent) => void = () => {}) {
    this.#onEvent = onEvent;
  }

  /** The run, once there is one. */
  get run(): Run | null {
    return this.#run;
  }

  /** A stop was asked for before there was a run. */
  get stoppedEarly(): boolean {
    return this.#stoppedEarly;
  }

  /** Commands go to `run` from now on; it is stopped where a stop was asked for before. */
  attach(run: Run): void {
    this.#run = run;
    for (const event of this.#early.splice(0)) run.note(event);
    if (this.#stoppedEarly) void run.stop();
  }

  /**
   * Does `command`, which came from `source`, with what it needs to be told, and gives its answer.
   * Throws `SinewError`: "command" where it is not permitted now, else as `Command.act`. A stop is
   * asked for before this returns, whoever is being waited for.
   */
  async order(command: Command, source: string, argument: string = ""): Promise<string> {
    const { name } = command;
    const told = argument === "" ? {} : { argument };
    const asked = { kind: "command", command: name, source, ...told } as const;
    const event: CommandEvent = { timeUs: this.#clock.now(), ...asked };
    this.#note(event);
    const answer = (ok: boolean, line: string): void => {
      this.#note({ ...event, timeUs: this.#clock.now(), kind: "answer", ok, line });
    };
    try {
      const line = await this.#act(command, event, argument);
      answer(true, line);
      return line;
    } catch (error) {
      answer(false, messageOf(error));
      throw error;
    }
  }

  /** Says that the run ends, and who wants that; what moves is stopped at once. */
  end(source: string): void {
    this.#note({ timeUs: this.#clock.now(), kind: "command", command: "end", source });
    if (this.#run?.moves === true) void this.#run.stop();
  }

  async #act(command: Command, event: CommandEvent, argument: string): Promise<string> {
    const run = this.#run;
    if (run === null) return this.#actEarly(command);
    const { status } = run;
    if (!command.permits(status)) {
      const now = `${command.name} is not permitted while ${nameOfMode(status.mode)}`;
      throw new SinewError("command", `${now}; permitted: ${permittedIn(status).join(", ")}`);
    }
    if (command.argument !== undefined && argument === "") {
      throw new SinewError("usage", `say which: ${command.name} <${command.argument}>`);
    }
    if (!command.takesTime) return command.act(run, argument);
    if (this.#waiting !== null) {
      const { command: name, source } = this.#waiting;
      throw new SinewError("command", `${name} (${source}) is under way: stop it, or wait for it`);
    }
    this.#waiting = event;
    try {
      return await command.act(run, argument);
    } finally {
      this.#waiting = null;
    }
  }

  #actEarly(command: Command): string {
    if (command.name !== "stop")
      throw new SinewError("command", "the run is starting: wait for it");
    this.#stoppedEarly = true;
    return "stopped before anything was armed";
  }

  #note(event: LogEvent): void {
    if (this.#run === null) this.#early.push(event);
    else this.#run.note(event);
    this.#onEvent(event);
  }
}
