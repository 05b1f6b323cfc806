import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf, SinewError } from "../core/errors.ts";
import { Door } from "./door.ts";
import type { PageFile } from "./page-file.ts";

export const loopback = "127.0.0.1";
const connectionsMax = 64;
const patienceMs = 5000;
const checkMs = 1000;

/** Answers what is no file; false where it does not know the path either. */
export type Answerer = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
) => boolean;

/**
 * Serves files from memory on this machine's loopback, to whom the door lets in. What it sends
 * loads nothing from elsewhere and is framed by nobody, so no click on another page is one here.
 */
export class PageServer {
  readonly server: Server;
  /** Where the page is, once it listens. */
  url = "";
  readonly #files: ReadonlyMap<string, PageFile>;
  readonly #token: string | null;
  readonly #answerer: Answerer;
  #door: Door | null = null;

  constructor(
    files: ReadonlyMap<string, PageFile>,
    token: string | null,
    answerer: Answerer = () => false,
  ) {
    this.#files = files;
    this.#token = token;
    this.#answerer = answerer;
    const options = {
      requestTimeout: patienceMs,
      headersTimeout: patienceMs,
      connectionsCheckingInterval: checkMs,
    };
    this.server = createServer(options, (request, response) => this.#take(request, response));
    this.server.maxConnections = connectionsMax;
    this.server.on("clientError", (_, socket) => socket.destroy());
  }

  /** There once it listens. */
  get door(): Door {
    return this.#door!;
  }

  /** Listens; 0 is any free port. Throws `SinewError("page")` where that cannot be. */
  async listen(port: number): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.server.once("error", reject);
        this.server.listen(port, loopback, resolve);
      });
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      const why = taken ? "it is taken" : messageOf(error);
      throw new SinewError("page", `no page on port ${port}: ${why}; give another, or 0 for any`);
    }
    // What goes wrong with a page later is no reason to end a run.
    this.server.on("error", () => {});
    const { port: own } = this.server.address() as AddressInfo;
    this.#door = new Door(own, this.#token);
    this.url = `http://${loopback}:${own}/${this.#token === null ? "" : `${this.#token}/`}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.#answer(request, response);
    } catch (error) {
      send(response, 500, text(messageOf(error)));
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const entry = this.door.admit(request);
    for (const [name, value] of Object.entries(headersFor(request))) {
      response.setHeader(name, value);
    }
    if ("refused" in entry) {
      // Who may not come in holds no place open.
      response.setHeader("Connection", "close");
      send(response, 403, text(entry.refused));
      return;
    }
    if (entry.path === "") {
      response.setHeader("Location", `/${this.#token}/`);
      send(response, 303, text("with a slash at its end"));
      return;
    }
    const reads = request.method === "GET" || request.method === "HEAD";
    const file = reads ? this.#files.get(entry.path) : undefined;
    if (file !== undefined) send(response, 200, file);
    else if (!this.#answerer(request, response, entry.path)) {
      send(response, 404, text("there is nothing here"));
    }
  }
}

/** A line for a person as the body of an answer. */
export function text(line: string): PageFile {
  return { type: "text/plain; charset=utf-8", body: Buffer.from(`${line}\n`) };
}

/** Answers with `file`, whole. */
export function send(response: ServerResponse, status: number, file: PageFile): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "Content-Type": file.type, "Content-Length": file.body.length });
  response.end(response.req.method === "HEAD" ? undefined : file.body);
}

function headersFor({ headers }: IncomingMessage): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    // Not every browser takes 'self' for a WebSocket.
    `connect-src 'self' ws://${headers.host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    "Content-Security-Policy": policy.join("; "),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
  };
}
