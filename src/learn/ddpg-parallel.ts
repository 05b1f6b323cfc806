/**
 * DDPG with several worlds that go on while the learner learns: Algorithm 1 as `ddpg.ts` has it,
 * but the actor that drives is one round of learning old, and episodes run side by side.
 */
import { learn, type Report, type Run } from "./ddpg.ts";
import { checkNumbers } from "./episode.ts";
import type { Chunk, Driver } from "./rollout.ts";
import type { Rollouts } from "./rollouts.ts";
import type { TrainSettings } from "./settings.ts";

/**
 * From `run.step` to `settings.steps`, in epochs of `checkpointEvery` steps: at the end of each all
 * worlds stand still and start anew, so that a checkpoint written there is all there is. Unless
 * `settings.async`, the same settings give the same run, whatever threads there are.
 *
 * Throws `SinewError("environment")` where a world fails or gives something that is not a number.
 */
export async function* parallelDdpg(
  run: Run,
  settings: TrainSettings,
  rollouts: Rollouts,
): AsyncGenerator<Report> {
  const { steps, checkpointEvery, collectSteps, workers, lanes } = settings;
  const each = Math.max(1, Math.round(collectSteps / (Math.max(1, workers) * lanes)));
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
      for (const chunk of chunks) yield* stored(run, chunk, each);
      owed += taken;
      for (; owed >= collectSteps; owed -= collectSteps) {
        if (run.step < settings.learnAfter) continue;
        yield { kind: "learned", metrics: await learn(run, settings) };
      }
    }
    yield { kind: "boundary" };
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

/** Stores what some worlds did; `each` rows in a row are one world's. */
function* stored(run: Run, { rows, episodes }: Chunk, each: number): Generator<Report> {
  const { replay, normaliser, rewardScale, episode } = run;
  const { observations, actions } = replay;
  const width = widthOf(run);
  for (let at = 0; at < rows.length; at += width) {
    const row = rows.subarray(at, at + width);
    const s = row.subarray(0, observations);
    const a = row.subarray(observations, observations + actions);
    const [reward, end] = row.subarray(observations + actions);
    const sNext = row.subarray(observations + actions + 2);
    checkNumbers(episode.task, sNext, reward);
    replay.add(s, a, reward, end === 1);
    // The next rows are another world's or another episode's: this one goes on elsewhere.
    if (end !== 0 || (at / width) % each === each - 1) replay.endEpisode(sNext);
    normaliser.see(sNext);
    rewardScale.see(reward, end !== 0);
    episode.seeReward(reward);
    run.step++;
  }
  for (const { return: earned, length } of episodes) {
    run.episodes++;
    yield { kind: "episode", return: earned, length };
  }
}
