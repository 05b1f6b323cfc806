// The half of `npm test` that computes, in what time the other half leaves.
import { constants, setPriority } from "node:os";
import { runTests } from "./every.ts";

setPriority(constants.priority.PRIORITY_LOW);
await runTests("computing");
