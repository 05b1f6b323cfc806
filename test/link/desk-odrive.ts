import { DeskLine, type DeskMotor } from "./desk-line.ts";

const modes = { effort: 1, velocity: 2, position: 3 } as const;
const watchdogError = 0x800;

/** One axis: what its properties say, and its watchdog in its own milliseconds. */
class DeskAxis {
  state = 1;
  error = 0;
  /** By path below `axisN.`; those that are computed are not here. */
  readonly properties: Record<string, number> = {
    "controller.config.control_mode": 3,
    "controller.config.input_mode": 1,
    "controller.config.circular_setpoints": 0,
    "controller.config.load_encoder_axis": 0,
    "controller.input_pos": 0,
    "controller.input_vel": 0,
    "controller.input_torque": 0,
    "config.watchdog_timeout": 0,
    "config.enable_watchdog": 0,
    "config.startup_closed_loop_control": 0,
    "config.enable_step_dir": 0,
    "config.enable_sensorless_mode": 0,
  };
  leftMs = 0;
  /** Its watchdog counts. */
  counts = true;
  /** Milliseconds from being asked to following orders. */
  enterMs = 2;
  #enterMs = 0;
  readonly motor: DeskMotor;

  constructor(motor: DeskMotor, at: number) {
    this.motor = motor;
    this.properties["controller.config.load_encoder_axis"] = at;
  }

  feed(): void {
    this.leftMs = this.properties["config.watchdog_timeout"] * 1000;
  }

  request(state: number): void {
    if (state === 8 && this.state !== 8) this.#enterMs = this.enterMs;
    else this.enter(state);
  }

  enter(state: number): void {
    this.state = state;
    if (state !== 8) return;
    this.feed();
    // As the real one: a position begins where the axis is, all else with what it was told last.
    this.properties["controller.input_pos"] = this.motor.turns;
  }

  tick(): void {
    if (this.#enterMs > 0 && --this.#enterMs === 0 && this.error === 0) this.enter(8);
    if (this.counts && this.properties["config.enable_watchdog"] === 1 && --this.leftMs < 0) {
      this.error |= watchdogError;
    }
    if (this.error !== 0 && this.state === 8) this.state = 1;
    const mode = this.properties["controller.config.control_mode"];
    const { motor } = this;
    motor.driven = this.state === 8;
    motor.order = mode === 1 ? "effort" : mode === 2 ? "velocity" : "position";
    const input = { effort: "torque", velocity: "vel", position: "pos" }[motor.order];
    motor.value = this.properties[`controller.input_${input}`];
  }
}

/** An ODrive with two axes and firmware 0.5.6, as far as the driver speaks with it. */
export class DeskOdrive extends DeskLine {
  readonly axes: DeskAxis[];
  readonly version: Record<string, number> = {
    fw_version_major: 0,
    fw_version_minor: 5,
    fw_version_revision: 6,
  };
  /** Of the board itself. */
  error = 0;
  /** Properties that it does not know. */
  readonly unknown: Set<string> = new Set();

  constructor(count: number = 2) {
    super(count);
    this.axes = this.motors.map((motor, at) => new DeskAxis(motor, at));
  }

  protected override tick(): void {
    for (const axis of this.axes) axis.tick();
  }

  protected override take(line: string): void {
    const star = line.indexOf("*");
    if (star >= 0 && Number(line.slice(star + 1)) !== sumOf(line.slice(0, star))) return;
    const text = star < 0 ? line : line.slice(0, star);
    this.told.push(text.trim());
    const said = this.#obey(text.trim().split(/\s+/));
    if (said === null) return;
    this.answer(star < 0 ? `${said}\r\n` : `${said}*${sumOf(said)}\r\n`);
  }

  #obey(words: readonly string[]): string | null {
    const [verb, ...rest] = words;
    if (verb === "r") return this.#tell(rest[0]);
    if (verb === "w") return this.#set(rest[0], Number(rest[1]));
    if (verb === "sc") {
      this.error = 0;
      for (const axis of this.axes) axis.error = 0;
      return null;
    }
    if (!/^[fpvcu]$/.test(verb)) return "unknown command";
    const axis = this.axes[Number(rest[0])];
    if (axis === undefined) return `invalid motor ${rest[0]}`;
    if (verb === "f") return `${axis.motor.turns.toFixed(6)} ${axis.motor.speed.toFixed(6)}`;
    axis.feed();
    if (verb !== "u") this.#command(axis, verb, rest.slice(1).map(Number));
    return null;
  }

  #command({ properties }: DeskAxis, verb: string, numbers: readonly number[]): void {
    const inputs = { p: ["pos", "vel", "torque"], v: ["vel", "torque"], c: ["torque"] }[verb]!;
    const mode = { p: modes.position, v: modes.velocity, c: modes.effort }[verb]!;
    properties["controller.config.control_mode"] = mode;
    numbers.forEach((value, at) => {
      properties[`controller.input_${inputs[at]}`] = value;
    });
  }

  #tell(path: string): string {
    if (this.unknown.has(path)) return "invalid property";
    if (path === "error") return `${this.error}`;
    if (path in this.version) return `${this.version[path]}`;
    const [, number, name] = /^axis([01])\.(.*)$/.exec(path) ?? [];
    const axis = this.axes[Number(number)];
    if (axis === undefined) return "invalid property";
    if (name === "error") return `${axis.error}`;
    if (name === "current_state") return `${axis.state}`;
    const value = axis.properties[name];
    if (value === undefined) return "invalid property";
    const whole = /mode|enable_|circular|load_|startup/.test(name);
    return whole ? `${value}` : value.toFixed(6).slice(0, 9);
  }

  #set(path: string, value: number): string | null {
    const [, number, name] = /^axis([01])\.(.*)$/.exec(path) ?? [];
    const axis = this.axes[Number(number)];
    if (axis === undefined) return "invalid property";
    if (name === "requested_state") axis.request(value);
    else if (name === "error") axis.error = value;
    else if (name in axis.properties) axis.properties[name] = value;
    else return "invalid property";
    return null;
  }
}

function sumOf(text: string): number {
  let sum = 0;
  for (const letter of text) sum ^= letter.charCodeAt(0);
  return sum;
}
