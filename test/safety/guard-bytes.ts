// What judging one step of a gate with joints allocates, in bytes: in a process of its own, as a
// robot's gate is, where no other gate was before it. Prints the number.
import { Guard } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { choices, spec, stepOf, still } from "./lift.ts";

const action = { lift: { rateMax: 100, accelerationMax: 1000 } };
const guard = new Guard(spec, limitsOf(spec, { ...choices, action }));
const step = stepOf(still, [9, 9]);
const rounds = 50_000;
let least = Number.POSITIVE_INFINITY;
for (let attempt = 0; attempt < 5; attempt++) {
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < rounds; i++) {
    // Near its end, far from it, and beyond it.
    step.observation[1] = (i % 32) / 15;
    step.observation[2] = (i % 7) - 3.5;
    step.reasons = 0;
    guard.filter(step);
  }
  least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before) / rounds);
}
console.log(least);
