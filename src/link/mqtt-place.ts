import { SinewError } from "../core/errors.ts";

/** Certificates and a key, as paths to PEM files. */
export interface TlsFiles {
  /** Who the broker's certificate must be from; without it, those whom Node.js trusts. */
  readonly ca?: string | undefined;
  /** What this side shows to the broker: both, or neither. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** MQTT 5, or 4, which is MQTT 3.1.1. */
export type MqttVersion = 5 | 4;

/** Where a robot is found: on `<prefix>/<robot>/cmd`, `/state` and `/presence` of one broker. */
export interface MqttPlace {
  /** `mqtt://host:port` or `mqtts://host:port`, see `isBrokerUrl`. */
  readonly url: string;
  readonly prefix: string;
  readonly robot: string;
  readonly protocolVersion: MqttVersion;
  /** Only with `mqtts:`. */
  readonly tls?: TlsFiles | undefined;
  /** Path of a file of two lines: the user's name and the password. */
  readonly credentials?: string | undefined;
}

/**
 * Whether `url` is a scheme, a host and perhaps a port: no path, and no password for all to read.
 */
export function isBrokerUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url);
  const more = username + password + pathname.replace(/^\/$/, "") + search + hash;
  return /^mqtts?:$/.test(protocol) && hostname !== "" && port !== "0" && more === "";
}

/** Whether `text` names one topic, or the beginning of one: it has no wildcard and no space. */
export function isTopic(text: string): boolean {
  return /^[^+#\s\0]+$/.test(text);
}

/** Throws `SinewError("broker")` where the place makes no sense by itself. */
export function checkPlace({ url, prefix, robot, tls }: MqttPlace): void {
  if (!isBrokerUrl(url)) {
    const shown = url.replace(/\/\/.*@/, "//...@");
    const advice = "give mqtt://host:port or mqtts://host:port, and names and passwords in a file";
    throw new SinewError("broker", `"${shown}" is no broker: ${advice}`);
  }
  for (const part of [prefix, robot]) {
    if (isTopic(part)) continue;
    throw new SinewError("broker", `"${part}" is no topic: give one without +, # or spaces`);
  }
  if (tls === undefined) return;
  if (!url.startsWith("mqtts:")) {
    throw new SinewError("broker", `certificates need mqtts://, and the broker is ${url}`);
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new SinewError("broker", "a client certificate needs its key: give both or neither");
  }
}
