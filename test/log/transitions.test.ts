import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { betweenAnswers, Mode, makeStep, type Step, Verdict } from "../../src/core/step.ts";
import { textOfSpec } from "../../src/log/metadata.ts";
import { LogFile } from "../../src/log/reader.ts";
import { StepRecord } from "../../src/log/record.ts";
import { segmentsOf } from "../../src/log/transitions.ts";
import { LogWriter } from "../../src/log/writer.ts";
import { fillStep, MemoryDisk, small, spec } from "./steps.ts";

/** A log of the steps `seqs`, each changed by `change`. */
function logOf(
  seqs: readonly number[],
  change: (step: Step) => void = () => {},
  metadata: Readonly<Record<string, string>> = {},
): LogFile {
  const disk = new MemoryDisk();
  const record = new StepRecord(spec);
  const writer = new LogWriter(
    disk,
    record,
    new Map([["spec", textOfSpec(spec)], ...Object.entries(metadata)]),
    small,
  );
  const bytes = new Uint8Array(record.size);
  for (const seq of seqs) {
    const step = makeStep(spec);
    fillStep(step, seq);
    change(step);
    record.encode(step, bytes, 0);
    writer.append(bytes, 0, 0);
  }
  assert(writer.finish({}));
  return new LogFile("x.mcap", disk.bytes);
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

const spans = (log: LogFile): number[][] =>
  [...segmentsOf(log)].map(({ seq, count }) => [seq, count]);

test("rows are the observation and the applied action of consecutive cycles", () => {
  const [segment] = [...segmentsOf(logOf(range(3, 703)))];
  assert.equal(segment.seq, 3);
  assert.equal(segment.count, 700);
  assert.equal(segment.observation.length, 2100);
  assert.equal(segment.action.length, 700);
  const step = makeStep(spec);
  for (let row = 0; row < 700; row++) {
    fillStep(step, 3 + row);
    assert.deepEqual(segment.observation.subarray(row * 3, row * 3 + 3), step.observation);
    assert.equal(segment.action[row], step.action[0]);
  }
});

test("a gap in seq, another mode, a refusal or a number that is none ends a segment", () => {
  assert.deepEqual(spans(logOf([0, 1, 2, 4, 5, 7, 9, 10])), [
    [0, 3],
    [4, 2],
    [9, 2],
  ]);
  const at5 = (change: (step: Step) => void): number[][] =>
    spans(
      logOf(range(0, 10), (step) => {
        if (step.seq === 5) change(step);
      }),
    );
  const split = [
    [0, 5],
    [6, 4],
  ];
  const changes: ((step: Step) => void)[] = [
    (step) => {
      step.mode = Mode.stopped;
    },
    (step) => {
      step.mode = Mode.holding;
    },
    (step) => {
      step.verdict = Verdict.refused;
    },
    (step) => {
      step.observation[2] = Number.NaN;
    },
    (step) => {
      step.action[0] = Number.POSITIVE_INFINITY;
    },
  ];
  for (const change of changes) assert.deepEqual(at5(change), split);
  assert.deepEqual(
    at5((step) => {
      step.verdict = Verdict.limited;
      step.proposed[0] = Number.NaN;
    }),
    [[0, 10]],
  );
});

test("a log without two driven cycles in a row has no segments", () => {
  assert.deepEqual(spans(logOf([])), []);
  assert.deepEqual(spans(logOf([1, 3, 5])), []);
});

test("every pair of driven neighbours is in exactly one segment", () => {
  for (let seed = 0; seed < 50; seed++) {
    const rng = new Rng(seed);
    const seqs: number[] = [];
    let seq = 0;
    for (let i = 0; i < 200; i++) {
      seq += rng.below(8) === 0 ? 2 + rng.below(3) : 1;
      seqs.push(seq);
    }
    const driven = new Set<number>();
    const log = logOf(seqs, (step) => {
      if (rng.below(10) === 0) step.verdict = Verdict.refused;
      else driven.add(step.seq);
    });
    const expected = [...driven].filter((one) => driven.has(one + 1));
    const pairs = spans(log).flatMap(([first, count]) => range(first, first + count - 1));
    assert.deepEqual(pairs, expected, `seed ${seed}`);
  }
});

test("past actions are put together again: proposed ones, newest first, within limits", () => {
  const log = logOf([0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12], (step) => {
    step.proposed[0] = step.seq === 7 ? 1e9 : step.seq / 8;
    step.action[0] = -step.seq / 8;
  });
  const segments = [...segmentsOf(log, 2)];
  // Two rows of each know no past, and the last then has none left.
  assert.deepEqual(
    segments.map(({ seq, count }) => [seq, count]),
    [
      [2, 3],
      [8, 2],
    ],
  );
  const { high } = spec.action[0];
  const rows = segments.flatMap(({ observation, count }) =>
    Array.from({ length: count }, (_, row) => [...observation.subarray(row * 5, row * 5 + 5)]),
  );
  assert.deepEqual(
    rows.map((row) => row.slice(3)),
    [
      [1 / 8, 0],
      [2 / 8, 1 / 8],
      [3 / 8, 2 / 8],
      [Math.fround(high), 6 / 8],
      [8 / 8, Math.fround(high)],
    ],
  );
  const step = makeStep(spec);
  fillStep(step, 9);
  assert.deepEqual(rows[4].slice(0, 3), [...step.observation]);
  assert.deepEqual([...segments[0].action], [-2 / 8, -3 / 8, -4 / 8]);
});

test("past observations are put together again: whole, newest first, before actions", () => {
  const log = logOf([0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12], (step) => {
    step.proposed[0] = step.seq / 16;
  });
  const segments = [...segmentsOf(log, 1, 2)];
  const spans = segments.map(({ seq, count }) => [seq, count]);
  // Two rows of each know too little of the past, and the last then has none left.
  assert.deepEqual(spans, [
    [2, 3],
    [8, 2],
  ]);
  const seenAt = (seq: number): number[] => {
    const step = makeStep(spec);
    fillStep(step, seq);
    return [...step.observation];
  };
  const rows = segments.flatMap(({ observation, count }) =>
    Array.from({ length: count }, (_, row) => [...observation.subarray(row * 10, row * 10 + 10)]),
  );
  assert.deepEqual(
    rows,
    [2, 3, 4, 8, 9].map((seq) => {
      return [...[seq, seq - 1, seq - 2].flatMap(seenAt), (seq - 1) / 16];
    }),
  );
  const [alone] = segmentsOf(log, 0, 1);
  assert.deepEqual([alone.seq, alone.count, alone.observation.length], [1, 4, 24]);
  assert.deepEqual([...alone.observation.subarray(0, 6)], [...seenAt(1), ...seenAt(0)]);
});

test("a change of what the host itself put into the observation ends a segment", () => {
  const { name } = spec.observation[1];
  const setpoints = JSON.stringify([
    { seconds: 0, values: { [name]: 0.5 } },
    { seconds: 1, values: { [name]: 0.75 } },
  ]);
  const goals = [0.5, 0.5, 0.5, 0.75, 0.75, 0.5, 0.75, 0.75];
  const change = (step: Step): void => {
    step.observation[1] = goals[step.seq];
  };
  const seqs = range(0, goals.length);
  assert.deepEqual(spans(logOf(seqs, change, { setpoints })), [
    [0, 3],
    [3, 2],
    [6, 2],
  ]);
  assert.deepEqual(spans(logOf(seqs, change)), [[0, 8]], "no setpoints, no goal");
  // What was asked for before the change is known behind it.
  const [, second] = segmentsOf(logOf(seqs, change, { setpoints }), 1);
  assert.deepEqual([second.seq, second.count], [3, 2]);
  const step = makeStep(spec);
  fillStep(step, 2);
  const [{ low, high }] = spec.action;
  const before = Math.min(high, Math.max(low, step.proposed[0]));
  assert.equal(second.observation[3], Math.fround(before));
  // So is what was seen, the goal before the change with it.
  const [, seen] = segmentsOf(logOf(seqs, change, { setpoints }), 0, 1);
  assert.deepEqual([seen.seq, seen.count], [3, 2]);
  assert.deepEqual([seen.observation[1], seen.observation[4]], [0.75, 0.5]);
});

/** Cycles of a loop that asks its policy in one of `every`, with gaps, as it would mark them. */
function decimatedCycles(rng: Rng, every: number): { seq: number; asked: boolean }[] {
  const cycles: { seq: number; asked: boolean }[] = [];
  let seq = rng.below(5);
  let dueSeq = seq;
  for (let turn = 0; turn < 240; turn++) {
    const asked = seq >= dueSeq;
    if (asked) dueSeq = seq + every;
    cycles.push({ seq, asked });
    seq += rng.below(12) === 0 ? 2 + rng.below(every) : 1;
  }
  return cycles;
}

test("a policy that is asked in one of N cycles gives one transition for each step", () => {
  let total = 0;
  for (let seed = 0; seed < 60; seed++) {
    const rng = new Rng(seed);
    const every = 2 + rng.below(6);
    const past = rng.below(3);
    const moments = rng.below(3);
    const cycles = decimatedCycles(rng, every);
    const steps = new Map<number, Step>();
    const asked = new Map(cycles.map((one) => [one.seq, one.asked]));
    const control = JSON.stringify({ every, between: "hold" });
    const change = (step: Step): void => {
      if (!asked.get(step.seq)) step.reasons |= betweenAnswers;
      if (rng.below(25) === 0) step.verdict = Verdict.refused;
      if (rng.below(40) === 0) step.mode = Mode.disarmed;
      steps.set(step.seq, structuredClone(step));
    };
    const log = logOf(
      cycles.map(({ seq }) => seq),
      change,
      { control },
    );
    const good = (seq: number): boolean => {
      const step = steps.get(seq);
      return step !== undefined && step.mode === Mode.armed && step.verdict !== Verdict.refused;
    };
    // A whole step: asked, then every - 1 cycles without a gap, then asked again.
    const whole = (seq: number): boolean => {
      const all = range(seq, seq + every + 1).every(good);
      return all && asked.get(seq)! && asked.get(seq + every)!;
    };
    const known = (seq: number): boolean => {
      return range(1, Math.max(past, moments) + 1).every((ago) => whole(seq - ago * every));
    };
    const expected = cycles.map(({ seq }) => seq).filter((seq) => whole(seq) && known(seq));
    const found: number[] = [];
    const own = spec.observation.length * (1 + moments);
    const width = own + past * spec.action.length;
    for (const { seq, count, observation, action } of segmentsOf(log, past, moments)) {
      for (let row = 0; row + 1 < count; row++) {
        const at = seq + row * every;
        found.push(at);
        const mean = range(at, at + every).reduce((sum, one) => {
          return sum + steps.get(one)!.action[0];
        }, 0);
        assert.equal(action[row], Math.fround(mean / every), `seed ${seed}, ${at}`);
        const seen = observation.subarray(row * width, (row + 1) * width);
        for (let ago = 0; ago <= moments; ago++) {
          const moment = seen.subarray(3 * ago, 3 * ago + 3);
          assert.deepEqual(moment, steps.get(at - ago * every)!.observation, `seed ${seed}, ${at}`);
        }
        const [{ low, high }] = spec.action;
        for (let ago = 1; ago <= past; ago++) {
          // What was proposed last before it was asked again.
          const asked = steps.get(at - (ago - 1) * every - 1)!.proposed[0];
          const bounded = Math.fround(Math.min(high, Math.max(low, asked)));
          assert.equal(seen[own - 1 + ago], bounded, `seed ${seed}, ${at}, ${ago} ago`);
        }
      }
    }
    const why = `seed ${seed}, every ${every}, past ${past} and ${moments}`;
    assert.deepEqual(found, expected, why);
    total += found.length;
  }
  assert.ok(total > 300, `${total}`);
});

test("a goal that changes between two answers ends a segment", () => {
  const { name } = spec.observation[1];
  const setpoints = JSON.stringify([
    { seconds: 0, values: { [name]: 0.5 } },
    { seconds: 1, values: { [name]: 0.75 } },
  ]);
  const control = JSON.stringify({ every: 4, between: "hold" });
  const change = (step: Step): void => {
    if (step.seq % 4 !== 0) step.reasons |= betweenAnswers;
    step.observation[1] = step.seq < 10 ? 0.5 : 0.75;
  };
  assert.deepEqual(spans(logOf(range(0, 22), change, { setpoints, control })), [
    [0, 3],
    [12, 3],
  ]);
});
