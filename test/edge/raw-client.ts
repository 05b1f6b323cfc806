import { connect, type Socket } from "node:net";
import type { CtlAnswer } from "../../src/edge/ctl-request.ts";
import { until } from "./board-run.ts";

/** A client that speaks as it likes, and collects what it is answered. */
export class RawClient {
  readonly socket: Socket;
  told: string = "";
  closed: boolean = false;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on("data", (bytes: Buffer) => {
      this.told += bytes.toString();
    });
    this.socket.on("error", () => {});
    for (const over of ["end", "close"]) {
      this.socket.on(over, () => {
        this.closed = true;
      });
    }
  }

  get answers(): CtlAnswer[] {
    return this.told
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as CtlAnswer);
  }

  async answered(count: number): Promise<CtlAnswer[]> {
    await until(`${count} answers`, () => this.answers.length >= count);
    return this.answers;
  }
}
