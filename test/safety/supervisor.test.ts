import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { Mode } from "../../src/core/step.ts";
import {
  Happening,
  modeTable,
  nameOfHappening,
  Supervisor,
  transitionsKept,
} from "../../src/safety/supervisor.ts";

const modes = Object.values(Mode);
const happenings = Object.values(Happening);

/** The shortest way from the start to each mode. */
const ways: Record<Mode, readonly Happening[]> = {
  [Mode.disarmed]: [],
  [Mode.homing]: [Happening.home],
  [Mode.armed]: [Happening.arm],
  [Mode.holding]: [Happening.arm, Happening.hold],
  [Mode.stopped]: [Happening.stop],
};

function supervisorIn(mode: Mode): Supervisor {
  const supervisor = new Supervisor();
  for (const happening of ways[mode]) assert.ok(supervisor.tell(happening, 0));
  assert.equal(supervisor.mode, mode);
  return supervisor;
}

/** The whole table again, in words, so that a slip of one cell needs two slips. */
const expected: Record<string, string> = {
  "disarmed home": "homing",
  "disarmed arm": "armed",
  "disarmed stop": "stopped",
  "disarmed fault": "disarmed",
  "disarmed deviceStopped": "disarmed",
  "homing homed": "disarmed",
  "homing stop": "stopped",
  "homing fault": "stopped",
  "homing deviceStopped": "stopped",
  "armed hold": "holding",
  "armed stop": "stopped",
  "armed fault": "stopped",
  "armed deviceStopped": "stopped",
  "armed fallBack": "holding",
  "holding hold": "holding",
  "holding resume": "armed",
  "holding stop": "stopped",
  "holding fault": "stopped",
  "holding deviceStopped": "stopped",
  "holding recover": "armed",
  "stopped stop": "stopped",
  "stopped fault": "stopped",
  "stopped deviceStopped": "stopped",
  "stopped reset": "disarmed",
};

test("supervisor: every cell of the table", () => {
  const names = Object.keys(Mode);
  for (const mode of modes) {
    for (const happening of happenings) {
      const supervisor = supervisorIn(mode);
      const before = supervisor.transitionCount;
      const cell = `${names[mode]} ${nameOfHappening(happening)}`;
      const wanted = expected[cell];
      assert.equal(supervisor.tell(happening, 7, 5), wanted !== undefined, cell);
      assert.equal(names[supervisor.mode], wanted ?? names[mode], cell);
      const moved = supervisor.mode !== mode;
      assert.equal(supervisor.transitionCount, before + (moved ? 1 : 0), cell);
      assert.equal(supervisor.refusalCount, wanted === undefined ? 1 : 0, cell);
      if (!moved) continue;
      const record = { timeUs: 7, from: mode, happening, to: supervisor.mode, reason: 5 };
      assert.deepEqual(supervisor.transition(before), record, cell);
    }
  }
  assert.equal(modeTable.length, modes.length);
  for (const row of modeTable) {
    assert.equal(row.length, happenings.length);
    for (const cell of row) assert.ok(cell === -1 || modes.includes(cell));
  }
  // They are the columns, and a log keeps them as numbers.
  assert.deepEqual(happenings, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("supervisor: a process that starts moves nothing", () => {
  assert.equal(new Supervisor().mode, Mode.disarmed);
});

test("supervisor: a stop latches until reset, and reset does not arm", () => {
  const supervisor = supervisorIn(Mode.armed);
  supervisor.tell(Happening.fault, 1, 4);
  for (const happening of happenings) {
    if (happening === Happening.reset) continue;
    supervisor.tell(happening, 2);
    assert.equal(supervisor.mode, Mode.stopped, nameOfHappening(happening));
  }
  assert.ok(supervisor.tell(Happening.reset, 3));
  assert.equal(supervisor.mode, Mode.disarmed);
});

test("supervisor: only what drives is held, and a fault of a hold is a latched stop", () => {
  for (const mode of modes) {
    for (const happening of happenings) {
      const supervisor = supervisorIn(mode);
      supervisor.tell(happening, 1);
      if (supervisor.mode !== Mode.holding || mode === Mode.holding) continue;
      assert.equal(mode, Mode.armed);
      const leads = happening === Happening.hold || happening === Happening.fallBack;
      assert.ok(leads, nameOfHappening(happening));
    }
  }
  const held = supervisorIn(Mode.holding);
  held.tell(Happening.fault, 1, 1);
  assert.equal(held.mode, Mode.stopped);
  for (const happening of [Happening.resume, Happening.recover, Happening.fallBack]) {
    assert.equal(held.tell(happening, 2), false);
  }
});

test("supervisor: only arm and who ends a hold lead to armed, only reset out of stopped", () => {
  for (let seed = 0; seed < 100; seed++) {
    const rng = new Rng(seed);
    const supervisor = new Supervisor();
    for (let at = 0; at < 200; at++) {
      const before = supervisor.mode;
      const happening = happenings[rng.below(happenings.length)]!;
      supervisor.tell(happening, at);
      const where = `seed ${seed} at ${at}`;
      if (supervisor.mode === Mode.armed && before !== Mode.armed) {
        const ended = happening === Happening.resume || happening === Happening.recover;
        assert.ok(before === Mode.holding ? ended : happening === Happening.arm, where);
      }
      if (before === Mode.stopped && supervisor.mode !== Mode.stopped) {
        assert.equal(happening, Happening.reset, where);
      }
    }
  }
});

test("supervisor: every transition is recorded, the newest 64 kept", () => {
  const supervisor = new Supervisor();
  for (let at = 0; at < 100; at++) {
    supervisor.tell(at % 2 === 0 ? Happening.stop : Happening.reset, at);
  }
  assert.equal(supervisor.transitionCount, 100);
  assert.equal(transitionsKept, 64);
  for (let index = 100 - transitionsKept; index < 100; index++) {
    assert.equal(supervisor.transition(index).timeUs, index);
  }
});

test("supervisor: what tells no reason has none, and what has not happened is blank", () => {
  const supervisor = new Supervisor();
  const { disarmed, stopped } = Mode;
  const blank = { timeUs: 0, from: disarmed, happening: Happening.reset, to: disarmed, reason: 0 };
  assert.deepEqual(supervisor.transition(0), blank);
  supervisor.tell(Happening.stop, 3);
  const stop = { timeUs: 3, from: disarmed, happening: Happening.stop, to: stopped, reason: 0 };
  assert.deepEqual(supervisor.transition(0), stop);
});
