import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, nameOfMode } from "../../src/core/step.ts";
import { commandNamed, commands, nameOfKey, permittedIn } from "../../src/edge/commands.ts";
import { Happening, modeTable } from "../../src/safety/supervisor.ts";

const modes = Object.values(Mode);

test("commands: what is permitted is what the supervisor's table permits", () => {
  for (const mode of modes) {
    const arm = commandNamed("arm").permits(mode);
    assert.equal(arm, modeTable[mode][Happening.arm] >= 0, nameOfMode(mode));
    // Who asks to arm a robot with a home has it brought there first.
    assert.equal(arm, modeTable[mode][Happening.home] >= 0, nameOfMode(mode));
    const reset = modeTable[mode][Happening.reset] >= 0 || mode === Mode.disarmed;
    assert.equal(commandNamed("reset").permits(mode), reset, nameOfMode(mode));
  }
});

test("commands: a stop is permitted in every mode, and waits for nothing", () => {
  const stop = commandNamed("stop");
  assert.ok(modes.every((mode) => stop.permits(mode)));
  assert.equal(stop.takesTime, false);
  assert.equal(nameOfKey(stop), "space");
});

test("commands: each has a name, a key and a line of its own", () => {
  for (const key of ["name", "key", "help"] as const) {
    assert.equal(new Set(commands.map((command) => command[key])).size, commands.length);
  }
  for (const { key, help } of commands) {
    assert.match(key, /^[ a-z]$/);
    assert.match(help, /^[^\n]{5,70}$/);
  }
  assert.throws(() => commandNamed("fly"), /give one of arm, stop, reset, status/);
  assert.deepEqual(permittedIn(Mode.armed), ["stop", "status"]);
});
