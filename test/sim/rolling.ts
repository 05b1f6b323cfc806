import type { Env, Outcome, Task } from "../../src/sim/env.ts";
import type { Shape } from "../../src/sim/scene.ts";

/**
 * A stick that rolls to the right over ground at `speed` m/s, turning once a second, with a ball
 * that stands still: a world whose pictures can be told beforehand. Its steps are 0.02 s.
 */
export function rolling(speed: number, fallsAfter: number = Number.POSITIVE_INFINITY): Task {
  const unit = { unit: "1", low: -1, high: 1 };
  const spec = {
    observation: [{ name: "place", ...unit }],
    action: [{ name: "push", ...unit }],
    periodUs: 20_000,
  };
  const makeEnv = (): Env => {
    let steps = 0;
    return {
      spec,
      reset(): void {
        steps = 0;
      },
      step(): Outcome {
        steps++;
        return { reward: -1.5, terminated: steps >= fallsAfter, truncated: steps >= 1000 };
      },
      scene(): readonly Shape[] {
        const seconds = steps * 0.02;
        const [x, turn] = [speed * seconds, 2 * Math.PI * seconds];
        const [dx, dy] = [0.5 * Math.cos(turn), 0.5 * Math.sin(turn)];
        return [
          { kind: "ground", height: 0, role: "ground" },
          { kind: "circle", at: [0, 0.25], radius: 0.25, role: "target" },
          { kind: "line", from: [0, 0.25], to: [x, 1], role: "frame" },
          {
            kind: "capsule",
            from: [x - dx, 1 - dy],
            to: [x + dx, 1 + dy],
            radius: 0.1,
            role: "body",
          },
        ];
      },
    };
  };
  return {
    name: "rolling",
    spec,
    episodeStepsMax: 1000,
    selectionStarts: 1,
    judgedStarts: 1,
    makeEnv,
    reward: () => -1.5,
  };
}
