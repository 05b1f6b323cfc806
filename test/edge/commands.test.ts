import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, nameOfMode } from "../../src/core/step.ts";
import {
  commandNamed,
  commands,
  nameOfKey,
  permittedIn,
  type Standing,
} from "../../src/edge/commands.ts";
import { Second } from "../../src/edge/lineup.ts";
import { Happening, modeTable } from "../../src/safety/supervisor.ts";

const modes = Object.values(Mode);

function standing(
  mode: Mode,
  secondAs: Second = Second.none,
  canGoBack: boolean = false,
): Standing {
  return { mode, secondAs, canGoBack };
}

test("commands: what is permitted is what the supervisor's table permits", () => {
  for (const mode of modes) {
    const arm = commandNamed("arm").permits(standing(mode));
    assert.equal(arm, modeTable[mode][Happening.arm] >= 0, nameOfMode(mode));
    // Who asks to arm a robot with a home has it brought there first.
    assert.equal(arm, modeTable[mode][Happening.home] >= 0, nameOfMode(mode));
    for (const name of ["hold", "resume"] as const) {
      const permitted = commandNamed(name).permits(standing(mode));
      assert.equal(permitted, modeTable[mode][Happening[name]] >= 0, nameOfMode(mode));
    }
    const reset = modeTable[mode][Happening.reset] >= 0 || mode === Mode.disarmed;
    assert.equal(commandNamed("reset").permits(standing(mode)), reset, nameOfMode(mode));
  }
});

test("commands: a stop is permitted in every mode, and waits for nothing", () => {
  const stop = commandNamed("stop");
  assert.ok(modes.every((mode) => stop.permits(standing(mode))));
  assert.equal(stop.takesTime, false);
  assert.equal(nameOfKey(stop), "space");
});

test("commands: a hold and a resume wait for nothing that is under way", () => {
  assert.deepEqual(
    [commandNamed("hold").takesTime, commandNamed("resume").takesTime],
    [false, false],
  );
});

test("commands: each has a name, a key and a line of its own", () => {
  for (const key of ["name", "key", "help"] as const) {
    assert.equal(new Set(commands.map((command) => command[key])).size, commands.length);
  }
  for (const { key, help, argument } of commands) {
    // A key can tell nothing with it.
    assert.match(key, argument === undefined ? /^[ a-z]$/ : /^$/);
    assert.match(help, /^[^\n]{5,70}$/);
  }
  assert.throws(
    () => commandNamed("fly"),
    /give one of arm, stop, reset, hold, resume, shadow, swap, b/,
  );
  assert.deepEqual(permittedIn(standing(Mode.armed)), ["stop", "hold", "shadow", "status"]);
});

test("commands: a policy is swapped for the one in the shadow, and for none", () => {
  for (const mode of modes) {
    const swap = (as: Second, back: boolean): string[] => {
      return permittedIn(standing(mode, as, back)).filter((name) => /shadow|swap|back/.test(name));
    };
    assert.deepEqual(swap(Second.shadow, false), ["shadow", "swap"], nameOfMode(mode));
    assert.deepEqual(swap(Second.standby, true), ["back"], nameOfMode(mode));
    assert.deepEqual(swap(Second.none, true), ["shadow", "back"], nameOfMode(mode));
  }
});
