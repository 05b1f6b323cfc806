// What judging one step of a gate with joints allocates.
import { Guard } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { printBytes } from "../allocation.ts";
import { choices, spec, stepOf, still } from "./lift.ts";

const action = { lift: { rateMax: 100, accelerationMax: 1000 } };
const guard = new Guard(spec, limitsOf(spec, { ...choices, action }));
const step = stepOf(still, [9, 9]);
await printBytes((index) => {
  // Near its end, far from it, and beyond it.
  step.observation[1] = (index % 32) / 15;
  step.observation[2] = (index % 7) - 3.5;
  step.reasons = 0;
  guard.filter(step);
});
