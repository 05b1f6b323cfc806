import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Controls } from "./controls.ts";
import { CtlConnection } from "./ctl-connection.ts";
import { takeLock } from "./ctl-lock.ts";
import { type CtlPlace, findRun, makePlace } from "./ctl-place.ts";

/** One more client takes the place of the one that was silent longest. */
const clientsMax = 32;

/** A run's socket, through which others on this machine command it: the same user, and root. */
export class CtlServer {
  readonly path: string;
  readonly #server: Server;
  /** The one that was silent longest comes first. */
  readonly #clients = new Set<CtlConnection>();

  constructor(path: string, robot: string, controls: Controls) {
    this.path = path;
    // Who sends its request and says that this was all still gets its answer.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      for (const silent of this.#clients) {
        if (this.#clients.size < clientsMax) break;
        silent.drop();
        this.#clients.delete(silent);
      }
      const client = new CtlConnection(socket, robot, controls, () => {
        this.#clients.delete(client);
        this.#clients.add(client);
      });
      this.#clients.add(client);
      socket.once("close", () => this.#clients.delete(client));
    });
    // A client that could not be let in is no reason to end the run.
    this.#server.on("error", () => {});
  }

  /** Rejects as `net.Server.listen` does. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.path, resolve);
    });
    if (process.platform !== "win32") chmodSync(this.path, 0o600);
  }

  /** Ends it: what was answered is still sent, and the socket's name is free. */
  close(): void {
    for (const client of this.#clients) client.end();
    this.#server.close();
  }
}

/**
 * Opens the socket of `robot` in the first of `places`. A name that a dead run left there is taken
 * over. Throws `SinewError("ctl")` where another run of the robot is alive, the folder is not this
 * user's alone, or no socket can be made there.
 */
export async function openCtl(
  places: readonly CtlPlace[],
  robot: string,
  controls: Controls,
): Promise<CtlServer> {
  const [place] = places;
  makePlace(place);
  const path = place.pathOf(robot);
  // Windows frees a pipe's name itself.
  const unlock = place.folder === null ? () => {} : await takeLock(`${path}.lock`);
  try {
    const alive = await findRun(places, robot);
    if (alive !== null) {
      const way = `npx sinew ctl status ${robot} tells of it`;
      throw new SinewError("ctl", `a run of ${robot} is alive at ${alive}: ${way}`);
    }
    if (place.folder !== null) rmSync(path, { force: true });
    const server = new CtlServer(path, robot, controls);
    await server.listen();
    return server;
  } catch (error) {
    if (error instanceof SinewError) throw error;
    throw new SinewError("ctl", `cannot make the socket ${path}: ${messageOf(error)}`);
  } finally {
    unlock();
  }
}
