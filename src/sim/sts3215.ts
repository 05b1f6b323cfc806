/** One count of an encoder of 4096 a turn, rad. */
export const radPerCount: number = (2 * Math.PI) / 4096;

/** The servo's firmware and the physics run at this step, s. */
export const stepS = 0.001;
/** The firmware moves its target no faster: 3,400 counts a second. */
export const slewPerStep = 3.4;
/** Duty per rad of position error: the firmware's gain of 32, by BAM's conversion. */
export const dutyPerRad: number = 0.166 * 32;
export const dutyMax = 0.97;

/**
 * A Feetech STS3215 at 7.4 V as Rhoban's BAM identified it (model m1, commit 1b5a1ce): torque
 * constant N m/A, resistance ohm, armature kg m^2, Coulomb friction N m, viscous friction
 * N m s/rad.
 */
export const sts3215 = {
  supply: 7.4,
  torqueConstant: 1.21164,
  resistance: 2.67617,
  armature: 0.028403,
  coulomb: 0.052393,
  viscous: 0.059085,
} as const;

/** The names of its numbers; a world may vary their values. */
export type ServoNumbers = { readonly [Name in keyof typeof sts3215]: number };

/** Whole counts nearest to an angle in rad; halves go outward, so a mirror changes nothing. */
export function countsOf(angle: number): number {
  return Math.sign(angle) * Math.round(Math.abs(angle) / radPerCount);
}
