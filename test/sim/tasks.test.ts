import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSpec } from "../../src/core/spec.ts";
import { taskNamed, tasks } from "../../src/sim/tasks.ts";

test("every task is found by its name and makes worlds of its own spec", () => {
  for (const task of tasks) {
    checkSpec(task.spec);
    assert.equal(taskNamed(task.name), task);
    assert.deepEqual(task.makeEnv().spec, task.spec);
    assert.notEqual(task.makeEnv(), task.makeEnv());
  }
});

test("an unknown task is refused with the names there are", () => {
  assert.throws(() => taskNamed("pendulm"), {
    code: "environment",
    message: /"pendulm".*\bpendulum\b/,
  });
});
