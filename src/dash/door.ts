import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/**
 * What came in: the path below the token's, empty where the address lacks its last slash; or why it
 * must stay outside.
 */
export type Entry = { readonly path: string } | { readonly refused: string };

const bearer = /^Bearer +(\S+)$/i;

/** Decides who may come in. The server listens on loopback only; this is for what else is there. */
export class Door {
  readonly #token: Buffer | null;
  readonly #hosts: readonly string[];

  /** `token` is null where nothing is told that not everybody may know. */
  constructor(port: number, token: string | null) {
    this.#token = token === null ? null : Buffer.from(token);
    this.#hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  }

  /**
   * A browser that was lured here by another name for 127.0.0.1 tells that name in Host; a page of
   * another origin tells that in Origin. The token is the first part of the path, so that whatever
   * the page loads has it too, or `?token=`, or `Authorization: Bearer`.
   */
  admit({ url = "/", headers }: Pick<IncomingMessage, "url" | "headers">): Entry {
    if (!this.#hosts.includes(headers.host ?? "")) return { refused: "another host's name" };
    if (this.#token === null) return { path: pathOf(url) };
    const [, first, rest] = /^\/([^/?]*)(\/[^?]*)?/.exec(url) ?? [];
    if (this.#isToken(first)) return { path: rest ?? "" };
    const queried = tokenOf(url);
    const path = pathOf(url);
    // What the page loads would have no token.
    if (this.#isToken(queried)) return { path: path === "/" ? "" : path };
    if (this.#isToken(bearer.exec(headers.authorization ?? "")?.[1])) return { path };
    return { refused: "no token, or a wrong one: open the address that the run printed" };
  }

  /** Whether it is no page of another origin that asks. What is no browser tells no origin. */
  isOwnOrigin({ headers }: Pick<IncomingMessage, "headers">): boolean {
    const { origin } = headers;
    return origin === undefined || this.#hosts.some((host) => origin === `http://${host}`);
  }

  #isToken(given: string | undefined): boolean {
    const bytes = Buffer.from(given ?? "");
    return bytes.length === this.#token!.length && timingSafeEqual(bytes, this.#token!);
  }
}

function pathOf(url: string): string {
  return url.split("?")[0]!;
}

function tokenOf(url: string): string | undefined {
  const query = url.split("?")[1];
  return query === undefined ? undefined : (new URLSearchParams(query).get("token") ?? undefined);
}
