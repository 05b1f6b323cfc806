import { MoteusFrame, MoteusMode, MoteusRegister, MoteusType } from "./moteus-frame.ts";
import { Order } from "./motor-line.ts";

const { int8, float } = MoteusType;
const { commandFeedforward, commandKpScale, commandLimitScale } = MoteusRegister;
const { commandPosition, commandTimeout, mode } = MoteusRegister;

/** What stops a drive, and ends the latch of a timeout or a fault. */
export function stopFrame(): MoteusFrame {
  const frame = new MoteusFrame();
  frame.beginWrite(int8, mode, 1);
  frame.value(int8, MoteusMode.stopped);
  return frame;
}

/**
 * One order for a drive, good for `timeoutS` seconds; false where `value` is not finite, as NaN
 * means something else to a drive. Writing the mode first takes back what was ordered before.
 */
export function writeOrder(
  frame: MoteusFrame,
  order: number,
  value: number,
  timeoutS: number,
): boolean {
  if (!Number.isFinite(value)) return false;
  frame.clear();
  frame.beginWrite(int8, mode, 1);
  frame.value(int8, MoteusMode.position);
  if (order === Order.effort) {
    // From where it is, at 0 turns/s, with no share of its own gains: torque alone.
    frame.beginWrite(float, commandPosition, 2);
    frame.value(float, Number.NaN);
    frame.value(float, 0);
    frame.beginWrite(float, commandFeedforward, 3);
    frame.value(float, value);
    frame.value(float, 0);
    frame.value(float, 0);
    frame.beginWrite(float, commandLimitScale, 1);
    frame.value(float, 0);
  } else if (order === Order.velocity) {
    frame.beginWrite(float, commandPosition, 2);
    frame.value(float, Number.NaN);
    frame.value(float, value);
    // A drive's own place runs on while its motor is held back: without these it would catch up.
    frame.beginWrite(float, commandKpScale, 1);
    frame.value(float, 0);
    frame.beginWrite(float, commandLimitScale, 1);
    frame.value(float, 0);
  } else {
    frame.beginWrite(float, commandPosition, 2);
    frame.value(float, value);
    frame.value(float, 0);
  }
  frame.beginWrite(float, commandTimeout, 1);
  frame.value(float, timeoutS);
  frame.pad();
  return true;
}
