// The half of `npm test` that computes.
import { runTests } from "./every.ts";

await runTests("computing");
