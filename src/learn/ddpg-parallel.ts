/**
 * DDPG with several worlds that go on while the learner learns: Algorithm 1 as `ddpg.ts` has it,
 * but the actor that drives is one round of learning old, and episodes run side by side.
 */
import { learn, mayLearn, type Report, type Run } from "./ddpg.ts";
import type { Chunk, Driver } from "./rollout.ts";
import type { Rollouts } from "./rollouts.ts";
import { type TrainSettings, worldsOf } from "./settings.ts";

/**
 * From `run.step` to `settings.steps`, in epochs of `checkpointEvery` steps: at the end of each all
 * worlds stand still and start anew, so that a checkpoint written there is all there is. Unless
 * `settings.async`, the same settings give the same run, whatever threads there are.
 *
 * Throws `SinewError("environment")` where a world fails or gives something that is not a number,
 * and "diverged" where the learner does.
 */
export async function* parallelDdpg(
  run: Run,
  settings: TrainSettings,
  rollouts: Rollouts,
): AsyncGenerator<Report> {
  const { steps, checkpointEvery, collectSteps, lanes } = settings;
  const each = Math.max(1, Math.round(collectSteps / worldsOf(settings)));
  const standing = Array.from({ length: worldsOf(settings) }, (): Float32Array | null => null);
  while (run.step < steps && !run.done) {
    const epoch = Math.floor(run.step / checkpointEvery);
    const end = Math.min(steps, (epoch + 1) * checkpointEvery);
    let owed = 0;
    rollouts.ask(driverOf(run), each, epoch);
    while (rollouts.busy) {
      const chunks = settings.async ? [await rollouts.takeFirst()] : await rollouts.takeAll();
      const taken = chunks.reduce((sum, { rows }) => sum + rows.length / widthOf(run), 0);
      // The worlds go on while the learner learns from what they have just done.
      if (run.step + taken < end && !run.done) rollouts.ask(driverOf(run), each, -1);
      for (const chunk of chunks) yield* stored(run, chunk, lanes, standing);
      owed += taken;
      for (; owed >= collectSteps; owed -= collectSteps) {
        if (run.done || !mayLearn(run, settings)) continue;
        yield { kind: "learned", metrics: await learn(run, settings) };
      }
    }
    cutOff(run, standing);
    yield { kind: "boundary" };
  }
}

/** Ends the episodes under way as a time limit would: their worlds start anew. */
function cutOff({ replay, rewardScale }: Run, standing: (Float32Array | null)[]): void {
  for (const [world, s] of standing.entries()) {
    if (s === null) continue;
    replay.endEpisode(s, world);
    rewardScale.end(world);
    standing[world] = null;
  }
}

/** The actor as it stands, copied: it drives while this one changes. */
function driverOf({ learner, normaliser, step }: Run): Driver {
  const { mean, scale, clip } = normaliser;
  return {
    actor: learner.actor.slice(),
    actorStatistics: learner.actorStatistics.slice(),
    observation: { mean: mean.slice(), scale: scale.slice(), clip },
    step,
  };
}

/** Numbers in one row of a chunk. */
function widthOf({ replay }: Run): number {
  return 2 * replay.observations + replay.actions + 2;
}

/**
 * Stores what the worlds of one worker did. `standing` is where each world's episode stands, null
 * between two, and is kept up to date.
 */
function* stored(
  run: Run,
  { worker, rows, episodes }: Chunk,
  lanes: number,
  standing: (Float32Array | null)[],
): Generator<Report> {
  const { replay, normaliser, rewardScale, episode } = run;
  const { observations, actions } = replay;
  const width = widthOf(run);
  const ofOne = rows.length / lanes;
  for (let at = 0; at < rows.length; at += width) {
    const row = rows.subarray(at, at + width);
    const s = row.subarray(0, observations);
    const a = row.subarray(observations, observations + actions);
    const [reward, end] = row.subarray(observations + actions);
    const sNext = row.subarray(observations + actions + 2);
    const world = worker * lanes + Math.floor(at / ofOne);
    if (standing[world] === null) normaliser.see(s);
    replay.add(s, a, reward, end === 1, world);
    if (end !== 0) replay.endEpisode(sNext, world);
    standing[world] = end === 0 ? sNext : null;
    normaliser.see(sNext);
    rewardScale.see(reward, end !== 0, world);
    episode.seeReward(reward);
    run.step++;
  }
  for (const { return: earned, length } of episodes) {
    run.episodes++;
    yield { kind: "episode", return: earned, length };
  }
}
