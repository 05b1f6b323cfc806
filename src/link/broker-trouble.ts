import { messageOf } from "../core/errors.ts";
import type { MqttPlace } from "./mqtt-place.ts";

/** What is said of a broker that ended a connection without a word. */
export const brokerClosed = "it closed the connection";

/** Why a broker was not reached, on one line that says what to do next. */
export function brokerTroubleOf(place: MqttPlace, error: unknown): string {
  const { code } = error as { code?: string | number };
  const words = messageOf(error);
  // TLS names its troubles by a code, or, where a write met them, in the words of OpenSSL.
  const known = troubles.find(([sign]) => sign.test(`[${code}] ${words}`));
  const why = known?.[1](place) ?? (words || String(code));
  return `cannot reach the broker ${place.url}: ${why}`;
}

/** A sign in an error's code, which is in brackets, or words, and what it means. */
const troubles: readonly (readonly [sign: RegExp, why: (place: MqttPlace) => string])[] = [
  [/\[(ENOTFOUND|EAI_AGAIN)\]/, (place) => `nobody knows the name ${hostOf(place)}`],
  [
    /\[CERT_HAS_EXPIRED\]/,
    () => "its certificate, or its CA's, has expired: renew it, or set this machine's clock",
  ],
  [
    /\[CERT_NOT_YET_VALID\]/,
    () => "its certificate is not valid yet: is this machine's clock right?",
  ],
  [
    /\[(\w*SELF_SIGNED_CERT\w*|UNABLE_TO_\w*|CERT_SIGNATURE_FAILURE)\]/,
    ({ tls }) => {
      const ca = tls?.ca ?? "a CA that Node.js trusts";
      return `its certificate is not from ${ca}: give its CA as tls.ca`;
    },
  ],
  [
    /\[ERR_TLS_CERT_ALTNAME_INVALID\]/,
    (place) => `its certificate is not for ${hostOf(place)}: give a name that it has`,
  ],
  [/alert.certificate.required/i, () => "it wants a client certificate: give tls.cert and tls.key"],
  [/alert.certificate.expired/i, ({ tls }) => `it says that ${tls?.cert} has expired: renew it`],
  [/alert.(unknown.ca|decrypt.error)/i, ({ tls }) => `it does not know who signed ${tls?.cert}`],
  [/alert.(bad.certificate|certificate)/i, ({ tls }) => `it refuses the certificate ${tls?.cert}`],
  [
    /wrong.version.number|packet.length.too.long/i,
    () => "there is no TLS at this port: is it for mqtt://?",
  ],
  // MQTT's own: 1 to 5 are of 3.1.1, those from 128 on of 5.
  [
    /\[(1|132)\]/,
    ({ protocolVersion }) =>
      protocolVersion === 5
        ? "it does not speak MQTT 5: give protocolVersion 4"
        : "it does not speak MQTT 3.1.1: give protocolVersion 5",
  ],
  [/\[(4|134)\]/, (place) => `it refuses ${userOf(place)}: wrong name or password`],
  [/\[(5|135)\]/, (place) => `it does not let ${userOf(place)} in`],
  [/^\[undefined\] connack timeout$/, () => "it does not answer"],
  [new RegExp(`${brokerClosed}$|\\[ECONNRESET\\]`), (place) => `${brokerClosed}${guessOf(place)}`],
];

function hostOf({ url }: MqttPlace): string {
  return new URL(url).hostname;
}

function userOf({ credentials }: MqttPlace): string {
  return credentials === undefined ? "who gives no credentials" : `the user of ${credentials}`;
}

/** What most often makes a broker hang up. */
function guessOf({ url, tls }: MqttPlace): string {
  if (url.startsWith("mqtt:")) return ": is its port for mqtts://?";
  return tls?.cert === undefined ? "" : `: does it know who signed ${tls.cert}?`;
}
