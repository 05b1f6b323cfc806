import type { Socket } from "node:net";
import { SinewError } from "../core/errors.ts";
import { permittedIn } from "./commands.ts";
import type { Controls } from "./controls.ts";
import { type CtlAnswer, lineBytesMax, parseRequest, refusalOf } from "./ctl-request.ts";
import { statusOf } from "./run-status.ts";

/** So many requests of one client may be without an answer; a stop always counts. */
const unansweredMax = 16;
/** Who lets so many bytes of answers lie is dropped. */
const unreadBytesMax = 65_536;

/** One client of a run. Nothing that it sends, or does not, reaches the run but whole commands. */
export class CtlConnection {
  readonly #socket: Socket;
  readonly #robot: string;
  readonly #controls: Controls;
  #rest: Buffer = Buffer.alloc(0);
  #unanswered = 0;
  #ended = false;

  constructor(socket: Socket, robot: string, controls: Controls, onWord: () => void) {
    this.#socket = socket;
    this.#robot = robot;
    this.#controls = controls;
    // It went away: whatever it asked for is done all the same.
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      onWord();
      this.#take(bytes);
    });
    socket.on("end", () => this.#finish());
  }

  drop(): void {
    this.#socket.destroy();
  }

  end(): void {
    this.#socket.end();
    this.#socket.unref();
  }

  #take(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      if (end > lineBytesMax) break;
      const line = rest.toString("utf8", 0, end).trim();
      rest = rest.subarray(end + 1);
      if (line !== "") void this.#obey(line);
      if (this.#socket.destroyed) return;
    }
    this.#rest = rest;
    if (rest.length <= lineBytesMax) return;
    this.#refuse(`a request is longer than ${lineBytesMax} bytes`);
    this.#socket.pause().destroySoon();
  }

  async #obey(line: string): Promise<void> {
    let name = "";
    try {
      const { command, source, argument } = parseRequest(line);
      name = command.name;
      if (this.#unanswered >= unansweredMax && name !== "stop") {
        throw new SinewError("command", "too many requests at once: wait for the answers");
      }
      this.#unanswered++;
      try {
        const told = await this.#controls.order(command, source, argument);
        this.#send({ ok: true, command: name, line: told, robot: this.#robot, status: null });
      } finally {
        this.#unanswered--;
      }
    } catch (error) {
      this.#send(refusalOf(error, name, this.#robot));
    }
    if (this.#ended && this.#unanswered === 0) this.#socket.end();
  }

  #finish(): void {
    this.#ended = true;
    if (this.#rest.length > 0) this.#refuse("half a request: end it with a new line");
    if (this.#unanswered === 0) this.#socket.end();
  }

  #refuse(why: string): void {
    this.#send(refusalOf(new SinewError("usage", why), "", this.#robot));
  }

  #send(answer: CtlAnswer): void {
    if (!this.#socket.writable) return;
    const { run } = this.#controls;
    const status = run === null ? null : { ...statusOf(run), permitted: permittedIn(run.status) };
    this.#socket.write(`${JSON.stringify({ ...answer, status })}\n`);
    if (this.#socket.writableLength > unreadBytesMax) this.#socket.destroy();
  }
}
