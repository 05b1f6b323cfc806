import { type ConnectOpts, connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { BrokerSecrets } from "./broker-files.ts";
import type { MqttPlace } from "./mqtt-place.ts";
import { PublishReader } from "./publish-packet.ts";

const readBytesMax = 65_536;

/**
 * A connection to the broker of `place`, over TLS where its url says so. What is published just now
 * on `topic` goes straight to `onPayload`, which has the bytes during the call only; all else is
 * what the stream reads. Errors are the stream's.
 */
export function openBrokerSocket(
  place: MqttPlace,
  { ca, cert, key }: BrokerSecrets,
  topic: string,
  onPayload: (payload: Uint8Array) => void,
): Socket {
  const { protocol, hostname, port } = new URL(place.url);
  const isSecure = protocol === "mqtts:";
  const reader = new PublishReader(topic, place.protocolVersion, {
    onPayload,
    onOther: (bytes) => socket.push(Uint8Array.from(bytes)),
  });
  // Through the stream's own machinery each frame would take several turns of the event loop.
  const onread: ConnectOpts["onread"] = {
    buffer: new Uint8Array(readBytesMax),
    callback: (length, bytes) => {
      reader.push(bytes.subarray(0, length));
      return true;
    },
  };
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const at = { host, port: Number(port) || (isSecure ? 8883 : 1883), noDelay: true, onread };
  const servername = isIP(host) === 0 ? host : undefined;
  const secured: ConnectionOptions = { ...at, servername, ca, cert, key };
  const socket: Socket = isSecure ? connectTls(secured) : connectTcp(at);
  return socket;
}
