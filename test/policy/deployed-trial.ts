import assert from "node:assert/strict";
import { exportPolicy } from "../../src/policy/export.ts";
import { deployed, deviceSpecOf } from "../../src/policy/history-policy.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import type { Hardware } from "../../src/sim/hardware.ts";
import { withHardware } from "../../src/sim/hardware-task.ts";
import { pendulumSpec, pendulumTask } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "./random-policy.ts";

/** How much of its past a policy observes. */
type Past = Partial<Pick<Hardware, "actionHistory" | "observationHistory">>;

/**
 * Requires that a policy that was trained on `hardware` with that past drives a device that shows
 * none bit for bit as in its world, from the start.
 */
export async function drivesAsInItsWorld(hardware: Hardware, past: Past): Promise<void> {
  const trained = withHardware(pendulumTask, { ...hardware, ...past });
  const parts = randomPolicy(6, trained.spec, [16], 3);
  const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, ...past } });
  const policy = await loadPolicy(bytes);
  const driving = deployed(policy, policy.contract);
  assert.deepEqual(driving.spec, pendulumSpec);
  assert.deepEqual(deviceSpecOf(policy.contract), pendulumSpec);
  const [sim, robot] = [trained.makeEnv(), withHardware(pendulumTask, hardware).makeEnv()];
  const seen = new Float32Array(trained.spec.observation.length);
  const read = new Float32Array(pendulumSpec.observation.length);
  const [asked, driven] = [new Float32Array(1), new Float32Array(1)];
  for (let seed = 0; seed < 3; seed++) {
    sim.reset(seed, seen);
    robot.reset(seed, read);
    driving.rest!();
    for (let t = 0; t < 60; t++) {
      await policy.act(seen, asked);
      await driving.act(read, driven);
      assert.equal(driven[0], asked[0], `seed ${seed}, step ${t}`);
      sim.step(asked, seen);
      robot.step(driven, read);
    }
  }
  await policy.close();
}
