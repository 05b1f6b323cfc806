import type { Spec } from "../../core/spec.ts";
import { makeStep, type Step } from "../../core/step.ts";
import { StepRecord } from "../../log/record.ts";
import {
  type Hello,
  type Message,
  type PageChannel,
  pageProtocol,
  type State,
} from "../message.ts";

const againAfterMs = 1000;
/** Closed with one of these, nobody opens it again by himself: ended, or another page's turn. */
const farewells: readonly number[] = [1001, 4001];

/** What a page does with what it is told. */
export interface Reader {
  hello(hello: Hello, spec: Spec): void;
  state(state: State): void;
  /** Overwritten by the next one. */
  step(step: Step): void;
}

/** The page's line to its run, which it opens again where it is lost. */
export class Feed {
  readonly #reader: Reader;
  #socket: WebSocket | null = null;
  #record: StepRecord | null = null;
  #step: Step | null = null;
  #openedMs = Number.NEGATIVE_INFINITY;
  /** Why it was ended for good; empty where it was not. */
  farewell = "";

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** To be called all the time; opens the line where there is none. */
  turn(nowMs: number): void {
    if (this.#socket !== null || this.farewell !== "") return;
    if (nowMs - this.#openedMs < againAfterMs) return;
    this.#openedMs = nowMs;
    const socket = new WebSocket(new URL("stream", location.href.replace(/^http/, "ws")), [
      pageProtocol,
    ]);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code, reason }) => {
      this.#socket = null;
      if (farewells.includes(code)) this.farewell = reason;
    };
    this.#socket = socket;
  }

  #take(data: string | ArrayBuffer): void {
    if (typeof data !== "string") {
      this.#takeSteps(new Uint8Array(data));
      return;
    }
    const message = JSON.parse(data) as Message;
    if (message.kind === "state") {
      this.#reader.state(message);
      return;
    }
    const spec = specOf(message);
    this.#record = new StepRecord(spec);
    this.#step = makeStep(spec);
    this.#reader.hello(message, spec);
  }

  #takeSteps(bytes: Uint8Array): void {
    const record = this.#record!;
    for (let at = 0; at < bytes.length; at += record.size) {
      record.decode(bytes, at, this.#step!);
      this.#reader.step(this.#step!);
    }
  }
}

function specOf({ observation, action, periodUs }: Hello): Spec {
  const channel = ({ name, unit, low, high }: PageChannel) => ({
    name,
    unit,
    low: low ?? Number.NEGATIVE_INFINITY,
    high: high ?? Number.POSITIVE_INFINITY,
  });
  return { observation: observation.map(channel), action: action.map(channel), periodUs };
}
