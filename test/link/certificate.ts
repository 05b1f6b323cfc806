import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
}

/** What a certificate is to say; all are valid from 2020 to 2049 unless told otherwise. */
export interface Wanted {
  readonly name: string;
  /** Who signs it; itself where nobody does. */
  readonly by?: Issued;
  /** It may sign others. */
  readonly ca?: boolean;
  /** Host names, or IPv4 addresses. */
  readonly hosts?: readonly string[];
  /** Years of the first of January. */
  readonly from?: number;
  readonly to?: number;
}

let serial = 1;

/** Issues an X.509 v3 certificate (RFC 5280) with a new P-256 key. */
export function issue(wanted: Wanted): Issued {
  const { name, by, ca = false, hosts = [], from = 2020, to = 2049 } = wanted;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecdsaSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const extensions = [
    // basicConstraints, critical.
    sequence(oid(0x55, 0x1d, 0x13), der(0x01, [0xff]), octets(sequence(...(ca ? [yes] : [])))),
    // subjectAltName.
    ...(hosts.length === 0
      ? []
      : [sequence(oid(0x55, 0x1d, 0x11), octets(sequence(...hosts.map(hostName))))]),
  ];
  const body = sequence(
    der(0xa0, integer(2)),
    integer(serial++),
    ecdsaSha256,
    commonName(by?.name ?? name),
    sequence(newYear(from), newYear(to)),
    commonName(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, by?.privateKey ?? privateKey);
  const whole = sequence(body, ecdsaSha256, der(0x03, Buffer.from([0]), signature));
  return { name, cert: pem(whole), key: privateKey.export(asPem) as string, privateKey };
}

const asPem = { type: "pkcs8", format: "pem" } as const;

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

type Bytes = Uint8Array | readonly number[];

/** A value of DER (X.690): tag, length, content. */
function der(tag: number, ...content: readonly Bytes[]): Buffer {
  const inner = Buffer.concat(content.map((bytes) => Buffer.from(bytes)));
  const { length } = inner;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length];
  return Buffer.concat([Buffer.from([tag, ...head]), inner]);
}

const sequence = (...content: readonly Bytes[]): Buffer => der(0x30, ...content);
const octets = (content: Bytes): Buffer => der(0x04, content);
const oid = (...bytes: readonly number[]): Buffer => der(0x06, bytes);
const yes: Buffer = der(0x01, [0xff]);

function integer(value: number): Buffer {
  return der(0x02, [0, value >> 8, value & 0xff].slice(value < 128 ? 2 : value < 0x8000 ? 1 : 0));
}

function commonName(name: string): Buffer {
  const text = der(0x0c, Buffer.from(name));
  return sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), text)));
}

function newYear(year: number): Buffer {
  return der(0x17, Buffer.from(`${String(year).slice(2)}0101000000Z`));
}

function hostName(host: string): Buffer {
  const isAddress = /^[\d.]+$/.test(host);
  return isAddress ? der(0x87, host.split(".").map(Number)) : der(0x82, Buffer.from(host));
}
