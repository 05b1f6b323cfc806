// The half of `npm test` that waits for links, boards and processes.
import { runTests } from "./every.ts";

await runTests("others");
