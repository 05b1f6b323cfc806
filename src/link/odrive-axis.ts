/** States of an axis that matter here. */
export const AxisState = { idle: 1, closedLoop: 8 } as const;
/** The bit of an axis' error that its watchdog sets. */
const watchdogError = 0x800;

/** Whether `error` has the bit that the axis' watchdog sets. */
export function hasExpired(error: number): boolean {
  return (error & watchdogError) !== 0;
}

/** What of `error` is not of the watchdog; 0 where nothing is. */
export function otherErrors(error: number): number {
  return error & ~watchdogError;
}

/** How an axis' error, or the ODrive's own, is told to a person. */
export function errorText(error: number): string {
  return `reports the error 0x${error.toString(16)}: clear it with ODrive's tool`;
}
