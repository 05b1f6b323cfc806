import { saturated } from "./saturated.ts";

/**
 * The control table of Dynamixel's X series that the driver uses, by address. Numbers take as many
 * bytes as said, the low one first. Source: ROBOTIS e-Manual, control tables of the XL330-M288 and
 * the XL430-W250, which agree in all of these.
 */
export const Table = {
  /** 2 bytes. */
  model: 0,
  firmware: 6,
  /** In units of 2 us; 250 when it leaves the factory. What is below 64 is kept for good. */
  returnDelay: 9,
  /** Bit 1: follows another servo; bit 2: a profile is a time; bit 3: a goal gives torque. */
  driveMode: 10,
  /** 3 follows positions within one turn. */
  operatingMode: 11,
  /** It obeys this id too; above 252 none. */
  secondaryId: 12,
  /** 4 bytes, signed, counts: is added to what the encoder tells. */
  homingOffset: 20,
  /** 4 bytes each, counts: goals outside are refused. */
  positionMax: 48,
  positionMin: 52,
  torqueEnable: 64,
  /** 2 answers everything. */
  statusReturnLevel: 68,
  /** Bit 0 voltage, 2 heat, 3 encoder, 4 electrical shock, 5 overload. */
  hardwareError: 70,
  /** 1 to 127 in units of 20 ms; -1, which is 255, once it has tripped. */
  busWatchdog: 98,
  /** 4 bytes each; 0 goes to a goal at once. */
  profileAcceleration: 108,
  profileVelocity: 112,
  /** 4 bytes, counts. */
  goalPosition: 116,
  /** 4 bytes, signed, in units of 0.229 rev/min. */
  presentVelocity: 128,
  /** 4 bytes, signed, counts. */
  presentPosition: 132,
} as const;

/** The errors of a status packet, below its bit 7, which says that the servo is ill. */
export const StatusError = { dataRange: 4, dataLimit: 6, access: 7 } as const;
export const illBit = 0x80;

/** The unit of a velocity in counts/s: 0.229 rev/min of 4096 counts. */
export const velocityCountsPerS: number = (0.229 * 4096) / 60;

/** The signed number of 4 bytes at `at`. */
export function longAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Writes 4 bytes of `value`, which may be signed; what does not fit is the nearest that does. */
export function putLong(bytes: Uint8Array, at: number, value: number): void {
  const whole = saturated(value, -(2 ** 31), 2 ** 31 - 1);
  for (let i = 0; i < 4; i++) bytes[at + i] = (whole >> (8 * i)) & 0xff;
}
