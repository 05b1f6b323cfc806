import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { messageOf, SinewError } from "../core/errors.ts";
import { checkPlace, type MqttPlace } from "./mqtt-place.ts";

/** What the files of a place hold. Never to be shown or logged. */
export interface BrokerSecrets {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly username?: string;
  readonly password?: string;
}

/** Something wrong with a file that a place names. */
export interface BrokerFileFault {
  /** Where the place names it, such as `tls`, `ca`. */
  readonly keys: readonly string[];
  /** One line, which names the file. */
  readonly line: string;
}

/**
 * Reads what the place names. Throws `SinewError("broker")`, which names the file, for one that
 * cannot be read, is none of its kind, or is a secret that everyone can read, and for a key that
 * does not belong to its certificate.
 */
export function readBrokerFiles(place: MqttPlace): BrokerSecrets {
  checkPlace(place);
  const { tls = {}, credentials } = place;
  const { ca, cert, key } = tls;
  if (ca !== undefined) certificatesIn("ca", ca);
  if (cert !== undefined && key !== undefined) checkPair(cert, key);
  return {
    ...(ca !== undefined && { ca: textOf("ca", ca) }),
    ...(cert !== undefined && { cert: textOf("cert", cert) }),
    ...(key !== undefined && { key: textOf("key", key) }),
    ...(credentials !== undefined && credentialsIn(credentials)),
  };
}

/**
 * For a look before anything is opened, at the moment `at`: what `readBrokerFiles` would say of
 * each file by itself, and which certificate is not valid then.
 */
export function faultsOfBrokerFiles(place: MqttPlace, at: Date): BrokerFileFault[] {
  const { tls = {}, credentials } = place;
  const { ca, cert, key } = tls;
  const faults: BrokerFileFault[] = [];
  const isGood = (keys: readonly string[], check: () => void): boolean => {
    try {
      check();
      return true;
    } catch (error) {
      if (!(error instanceof SinewError)) throw error;
      faults.push({ keys, line: error.message });
      return false;
    }
  };
  if (ca !== undefined) isGood(["tls", "ca"], () => checkTime("ca", ca, at));
  const known = cert !== undefined && isGood(["tls", "cert"], () => checkTime("cert", cert, at));
  if (key !== undefined) isGood(["tls", "key"], () => (known ? checkPair(cert, key) : keyIn(key)));
  if (credentials !== undefined) isGood(["credentials"], () => credentialsIn(credentials));
  return faults;
}

/** As `readBrokerFiles` throws, and for a certificate that is not valid at `at`. */
export function checkBrokerFiles(place: MqttPlace, at: Date): void {
  checkPlace(place);
  const [fault] = faultsOfBrokerFiles(place, at);
  if (fault !== undefined) throw new SinewError("broker", fault.line);
}

function checkPair(cert: string, key: string): void {
  const [certificate] = certificatesIn("cert", cert);
  if (!certificate.checkPrivateKey(keyIn(key))) {
    refuse("key", key, `it does not belong to the certificate ${cert}`);
  }
}

/** One CA of several that is valid is enough; of a chain the first is the one that is shown. */
function checkTime(what: "ca" | "cert", path: string, at: Date): void {
  const all = certificatesIn(what, path);
  const reasons = (what === "ca" ? all : all.slice(0, 1)).map((one) => wrongTimeOf(one, at));
  if (reasons.every((why) => why !== "")) refuse(what, path, reasons[0]);
}

function wrongTimeOf({ validFrom, validTo }: X509Certificate, at: Date): string {
  if (new Date(validTo) < at) return `it expired on ${validTo}: renew it`;
  if (new Date(validFrom) > at) return `it is valid from ${validFrom} on: is this clock right?`;
  return "";
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** At least one. */
function certificatesIn(what: string, path: string): X509Certificate[] {
  const blocks = textOf(what, path).match(pemCertificate) ?? [];
  if (blocks.length === 0) refuse(what, path, "there is no PEM certificate in it");
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    return refuse(what, path, `it is no certificate: ${messageOf(error)}`);
  }
}

function keyIn(path: string): KeyObject {
  const text = secretOf("key", path);
  if (/ENCRYPTED/.test(text)) {
    refuse("key", path, "it needs a passphrase, and nobody is there to give one: decrypt it");
  }
  try {
    return createPrivateKey(text);
  } catch {
    // What OpenSSL says of it may tell of the key.
    return refuse("key", path, "there is no PEM private key in it");
  }
}

function credentialsIn(path: string): { username: string; password: string } {
  const lines = secretOf("credentials", path).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const [username, password] = lines;
  if (lines.length !== 2 || username === "" || password === "") {
    refuse("credentials", path, "it must be two lines: the user's name, then the password");
  }
  return { username, password };
}

/** The text of a file that is for few eyes. */
function secretOf(what: string, path: string): string {
  const text = textOf(what, path);
  if (process.platform !== "win32" && (statSync(path).mode & 0o007) !== 0) {
    refuse(what, path, `everyone can read or change it: chmod o= ${path}`);
  }
  return text;
}

function textOf(what: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : code;
    return refuse(what, path, `it cannot be read: ${why}`);
  }
}

function refuse(what: string, path: string, why: string): never {
  throw new SinewError("broker", `${what} ${path}: ${why}`);
}
