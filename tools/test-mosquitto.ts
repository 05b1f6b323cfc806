// The MQTT links against Debian's Mosquitto: the tests of test/mosquitto, in this one process.
//   node dist/tools/test-mosquitto.js
import { readdirSync } from "node:fs";

const folder = new URL("../test/mosquitto/", import.meta.url);
for (const name of readdirSync(folder).sort()) {
  if (name.endsWith(".js")) await import(new URL(name, folder).href);
}
