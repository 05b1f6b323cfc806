import { exchangeUs, MoteusBus } from "./moteus-bus.ts";
import { MoteusFrame, MoteusRegister, MoteusType } from "./moteus-frame.ts";
import { OdriveBus } from "./odrive-bus.ts";
import { encodeOdriveLines } from "./odrive-text.ts";
import type { Asking } from "./scan.ts";

/** Motor drives on a line. */
export type FoundDrives =
  | {
      readonly family: "odrive";
      readonly baud: number;
      /** Its firmware, such as `0.5.6`. */
      readonly firmware: string;
    }
  | {
      readonly family: "moteus";
      readonly baud: number;
      /** With sums, or without: what lies between. */
      readonly adapter: "fdcanusb" | "uart";
      readonly ids: readonly number[];
    };

export const odriveSends = "r fw_version_major, _minor and _revision, behind f of no motor";
export const moteusSends = "a read of register 0x102 to each id from 1 to 126, by text lines";

const odriveUs = 60_000;
const moteusUs = 10_000;
const moteusAnswerBytes = 8;
const moteusIdMax = 126;
/** So many ids in one write. */
const idsAtOnce = 16;

/** Whether an ODrive answers; null: none does. */
export function askOdrive({ port, baud, clock, spareUs }: Asking): FoundDrives | null {
  const bus = new OdriveBus(port, clock, odriveUs + spareUs);
  const parts = ["major", "minor", "revision"].map((part) => `r fw_version_${part}`);
  const told = new Float64Array(parts.length);
  const counts = Uint8Array.from(parts, () => 1);
  if (!bus.ask(encodeOdriveLines(parts), counts, told)) return null;
  return { family: "odrive", baud, firmware: told.join(".") };
}

/** Which moteus drives answer; null: none does. */
export function askMoteus(asking: Asking): FoundDrives | null {
  for (const adapter of ["uart", "fdcanusb"] as const) {
    const ids = moteusIds(asking, adapter === "uart");
    if (ids.length > 0) return { family: "moteus", baud: asking.baud, adapter, ids };
  }
  return null;
}

function moteusIds({ port, baud, clock, spareUs, onPart }: Asking, checks: boolean): number[] {
  const frame = new MoteusFrame();
  frame.ask(MoteusType.int32, MoteusRegister.mapVersion, 1);
  const found: number[] = [];
  for (let first = 1; first <= moteusIdMax; first += idsAtOnce) {
    onPart(first / moteusIdMax);
    const count = Math.min(idsAtOnce, moteusIdMax + 1 - first);
    const ids = Array.from({ length: count }, (_, at) => first + at);
    const lineUs = count * exchangeUs(frame.length, moteusAnswerBytes, baud);
    const bus = new MoteusBus(port, clock, ids, moteusUs + lineUs + spareUs, checks);
    bus.ask(frame, [MoteusRegister.mapVersion], new Float64Array(count));
    found.push(...ids.filter((_, at) => bus.answered(at)));
  }
  return found;
}
