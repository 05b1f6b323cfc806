import { stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setInterval as every } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { type Clock, monotonicClock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Controls } from "../edge/controls.ts";
import type { Robot } from "../edge/robot.ts";
import { FoxgloveClient, foxgloveProtocols } from "./foxglove.ts";
import { pageProtocol } from "./message.ts";
import { metricsOf, metricsType } from "./metrics.ts";
import { obey, orderBytesMax } from "./order.ts";
import { pageFiles, runModules } from "./page-file.ts";
import { PageServer, send, text } from "./page-server.ts";
import { Show } from "./show.ts";
import { Viewer } from "./viewer.ts";

const lookMs = 50;
const looksPerStat = 20;
/** One more takes the place of the one that came first. */
const socketsMax = 8;
/** What a client may say at once, bytes. */
const wordBytesMax = 65_536;
const goodbyeMs = 300;
const replacedCode = 4001;
const protocols = [pageProtocol, ...foxgloveProtocols];

export interface DashOptions {
  /** 0 stands for one that is free. */
  readonly port: number;
  /** What the address of the page has, and nobody else knows. */
  readonly token: string;
  readonly robot: Robot;
  readonly policyPath: string;
  readonly controls: Controls;
  /** Told what went wrong with a page, which is no reason to end the run. */
  readonly onTrouble: (line: string) => void;
}

/** Who listens at the other end of a WebSocket. */
interface Listener {
  /** Called about 20 times a second, and once more before the end. */
  look(last: boolean): void;
}

/**
 * A run's page, on this machine only. It lives in the main thread and reads what the control thread
 * and the log's writer publish in shared memory; neither of them knows that it is there.
 */
export class Dash {
  readonly #options: DashOptions;
  readonly #clock: Clock = monotonicClock();
  readonly #show: Show;
  readonly #pages: PageServer;
  readonly #sockets: WebSocketServer;
  /** In the order in which they came. */
  readonly #listeners = new Map<WebSocket, Listener>();
  readonly #end = new AbortController();
  #viewers = 0;

  constructor(options: DashOptions) {
    const { robot, policyPath, controls, token } = options;
    this.#options = options;
    this.#show = new Show(robot, policyPath, controls, this.#clock);
    const files = pageFiles("run.html", ["page.css", "icon.svg"], runModules);
    this.#pages = new PageServer(files, token, (...words) => this.#answer(...words));
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: wordBytesMax,
      handleProtocols: (offered) => protocols.find((name) => offered.has(name)) ?? false,
    });
    this.#pages.server.on("upgrade", (...words) => this.#upgrade(...words));
  }

  /** The page's address, token and all. */
  get url(): string {
    return this.#pages.url;
  }

  /** Throws as `PageServer.listen`. */
  async listen(): Promise<void> {
    await this.#pages.listen(this.#options.port);
    void this.#turn();
  }

  /** Ends it, with every page. */
  close(): void {
    this.#end.abort();
    const sockets = [...this.#listeners.keys()];
    for (const [socket, listener] of this.#listeners) {
      // A page tells why it was.
      this.#look(socket, listener, true);
      socket.close(1001, "The run has ended.");
    }
    // Who does not read this does not hold up the end of the program.
    AbortSignal.timeout(goodbyeMs).addEventListener("abort", () => {
      for (const socket of sockets) socket.terminate();
    });
    this.#pages.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    if (path === "/metrics" && request.method === "GET") {
      const body = Buffer.from(metricsOf(this.#show, this.#clock.now()));
      send(response, 200, { type: metricsType, body });
      return true;
    }
    if (path !== "/order") return false;
    if (request.method !== "POST") send(response, 405, text("POST it"));
    else if (!this.#pages.door.isOwnOrigin(request)) send(response, 403, text("another page"));
    else void this.#order(request, response);
    return true;
  }

  async #order(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Then the body has no more than it says.
    const length = Number(request.headers["content-length"] ?? Number.NaN);
    if (!(length <= orderBytesMax)) {
      send(response, 413, text(`an order says its length, at most ${orderBytesMax} bytes`));
      return;
    }
    try {
      let body = "";
      for await (const piece of request.setEncoding("utf8")) body += piece;
      const answer = await obey(body, this.#options.controls, this.#clock.now());
      const type = "application/json";
      send(response, answer.ok ? 200 : 409, { type, body: Buffer.from(JSON.stringify(answer)) });
    } catch {
      // It went away before it had said what it wants.
      response.destroy();
    }
  }

  /** Whoever has the token may watch, from any origin; a page that can command has its own. */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {});
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(/\s*,\s*/);
    const foreign = offered.includes(pageProtocol) && !this.#pages.door.isOwnOrigin(request);
    if (foreign || "refused" in this.#pages.door.admit(request)) refuse(socket, "403 Forbidden");
    else if (!protocols.some((name) => offered.includes(name))) refuse(socket, "400 Bad Request");
    else this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#welcome(opened));
  }

  #welcome(socket: WebSocket): void {
    for (const first of this.#listeners.keys()) {
      if (this.#listeners.size < socketsMax) break;
      first.close(replacedCode, "Others have opened the page: this one is closed.");
      this.#listeners.delete(first);
    }
    socket.on("error", () => {});
    socket.on("close", () => this.#listeners.delete(socket));
    this.#listeners.set(socket, this.#listenerOf(socket));
  }

  #listenerOf(socket: WebSocket): Listener {
    if (socket.protocol === pageProtocol) return new Viewer(socket, this.#show, ++this.#viewers);
    const client = new FoxgloveClient(socket, this.#show);
    socket.on("message", (data) => client.take(String(data)));
    return client;
  }

  async #turn(): Promise<void> {
    let turn = 0;
    try {
      for await (const _ of every(lookMs, null, { ref: false, signal: this.#end.signal })) {
        for (const [socket, listener] of this.#listeners) {
          this.#look(socket, listener, false);
        }
        if (turn++ % looksPerStat === 0) void this.#statLog();
      }
    } catch {
      // It was ended.
    }
  }

  #look(socket: WebSocket, listener: Listener, last: boolean): void {
    try {
      listener.look(last);
    } catch (error) {
      socket.terminate();
      this.#options.onTrouble(`the page: ${messageOf(error)}`);
    }
  }

  async #statLog(): Promise<void> {
    const path = this.#show.run?.logPath;
    if (path === undefined) return;
    try {
      this.#show.logBytes = (await stat(path)).size;
    } catch {
      // The log is closed under another name, or the disk is gone: then the last size stays.
    }
  }
}

function refuse(socket: Duplex, why: string): void {
  socket.end(`HTTP/1.1 ${why}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Opens a run's page. Throws `SinewError("page")` where the port is taken. */
export async function openDash(options: DashOptions): Promise<Dash> {
  const dash = new Dash(options);
  await dash.listen();
  return dash;
}
