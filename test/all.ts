// Runs every test of the project in this one process; a second process would cost more than the
// tests.
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const files = readdirSync(here, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.js"))
  .sort();
for (const name of files) await import(pathToFileURL(join(here, name)).href);
