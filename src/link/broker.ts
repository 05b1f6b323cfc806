import { type AddressInfo, createServer, type Socket } from "node:net";
import { messageOf, SinewError } from "../core/errors.ts";

/** An MQTT 3.1.1 broker inside this process, for demos, tests and robots without a network. */
export interface Broker {
  readonly url: string;
  /** MQTT 3.1.1. */
  readonly protocolVersion: 4;
  close(): Promise<void>;
}

/**
 * Listens on `host` and `port` (0 takes a free one). Throws `SinewError("broker")` where it cannot.
 */
export async function startBroker(port: number = 0, host: string = "127.0.0.1"): Promise<Broker> {
  const { Aedes } = await import("aedes");
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  // Without TCP_NODELAY on both ends a command waits up to 40 ms for the other side's ACK.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    aedes.handle(socket);
  });
  const shut = (): Promise<void> => new Promise((resolve) => aedes.close(resolve));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    await shut();
    throw new SinewError("broker", `cannot listen on ${host}:${port}: ${messageOf(error)}`);
  }
  const address = server.address() as AddressInfo;
  return {
    url: `mqtt://${host}:${address.port}`,
    protocolVersion: 4,
    close: async () => {
      await shut();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
