import type { Spec } from "../core/spec.ts";
import type { StopRule } from "../wire/device-contract.ts";
import { Session } from "../wire/session.ts";
import type { Asking } from "./scan.ts";

/** A device of the bridge protocol. */
export interface FoundFirmware {
  readonly family: "firmware";
  readonly baud: number;
  /** Board and target, such as `rp2040-pendulum`. */
  readonly name: string;
  /** Its contract; null where it did not tell all of it, or speaks another protocol. */
  readonly spec: Spec | null;
  /** How each of its actuators stops, in the order of its actions; empty without a contract. */
  readonly stops: readonly StopRule[];
  /** Why its contract is not known; empty where it is. */
  readonly why: string;
}

export const firmwareSends =
  "HELLO, then QUERY for each channel, or ASK_DICTIONARY where its protocol is another";

/** Opening a port starts some boards anew, and their bootloaders wait for a second or two. */
const firstUs = 2_500_000;
const laterUs = 400_000;
/** One that has answered has so long to tell the rest. */
const restUs = 1_500_000;
const napUs = 1000;
/** No device is so: whatever it tells of itself is what was asked for. */
const nobody: Spec = { observation: [], action: [], periodUs: 0 };

/** Who answers as firmware of ours; null: nobody does. */
export function askFirmware({ port, baud, clock, isFirst, onPart }: Asking): FoundFirmware | null {
  const session = new Session(nobody);
  const out = new Uint8Array(Session.outBytesMin);
  const heard = new Uint8Array(4096);
  const beganUs = clock.now();
  let lastUs = beganUs + (isFirst ? firstUs : laterUs);
  let answered = false;
  for (let nowUs = beganUs; nowUs < lastUs; nowUs = clock.now()) {
    session.receive(heard, port.read(heard), nowUs);
    if (session.deviceContract !== null || session.phase === "refused") break;
    if (!answered && session.deviceName !== "") {
      answered = true;
      lastUs = nowUs + restUs;
    }
    const length = session.poll(nowUs, out);
    if (length > 0) port.write(out, length);
    onPart((nowUs - beganUs) / (lastUs - beganUs));
    port.wait(napUs);
  }
  if (session.deviceName === "") return null;
  const contract = session.deviceContract;
  return {
    family: "firmware",
    baud,
    name: session.deviceName,
    spec: contract?.spec ?? null,
    stops: contract?.stops ?? [],
    why: contract !== null ? "" : (session.refusal ?? "it fell silent before it had told all"),
  };
}
