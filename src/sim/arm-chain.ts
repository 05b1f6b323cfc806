/**
 * The arm's geometry, ours: `pan` turns it about the vertical through the origin, on the table; the
 * shoulder is `baseHeight` above it; `lift`, `elbow` and `wrist` bend it in the plane that pan has
 * turned; `roll` turns the hand about its own length and `grip` opens it, which move its tip
 * nowhere. At 0 rad the upper arm points up, forearm and hand forward (x); positive lift, elbow and
 * wrist bend it forward and down, positive pan turns it to the left (y). Metres.
 */
export const baseHeight = 0.12;
export const upperArm = 0.115;
export const forearm = 0.135;
export const hand = 0.1;

/** Positions and what follows from them, in the plane that pan has turned: [out, up] in metres. */
export class ArmChain {
  readonly elbow: Float64Array = new Float64Array(2);
  readonly wrist: Float64Array = new Float64Array(2);
  /** The middle of the hand, where its weight is. */
  readonly middle: Float64Array = new Float64Array(2);
  readonly tip: Float64Array = new Float64Array(2);

  /** Takes the joints' angles in rad: pan, lift, elbow, wrist, whatever follows. */
  place(joints: ArrayLike<number>): void {
    const lift = joints[1];
    const down = lift + joints[2];
    const last = down + joints[3];
    this.elbow[0] = upperArm * Math.sin(lift);
    this.elbow[1] = baseHeight + upperArm * Math.cos(lift);
    this.wrist[0] = this.elbow[0] + forearm * Math.cos(down);
    this.wrist[1] = this.elbow[1] - forearm * Math.sin(down);
    for (const [point, share] of [
      [this.middle, 0.5],
      [this.tip, 1],
    ] as const) {
      point[0] = this.wrist[0] + share * hand * Math.cos(last);
      point[1] = this.wrist[1] - share * hand * Math.sin(last);
    }
  }
}

const chain = new ArmChain();

/** Writes where the tip of the hand is, m, to `into` from `at`: x, y, z. */
export function tipOf(joints: ArrayLike<number>, into: Float32Array | number[], at: number): void {
  chain.place(joints);
  const [out, up] = chain.tip;
  into[at] = out * Math.cos(joints[0]);
  into[at + 1] = out * Math.sin(joints[0]);
  into[at + 2] = up;
}
