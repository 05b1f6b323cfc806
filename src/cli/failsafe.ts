import { Command } from "commander";
import { wholeNumber } from "./option.ts";
import { interrupted } from "./signal.ts";
import { Terminal } from "./terminal.ts";

const pagePort = 8421;

/** `sinew failsafe`. */
export function failsafeCommand(): Command {
  return new Command("failsafe")
    .description(
      "Show, in a browser, what the gate and the supervisor do when something goes wrong.",
    )
    .option("--port <port>", "on this machine; 0 is any free one", wholeNumber(0, 65_535), pagePort)
    .addHelpText(
      "after",
      `
Nothing real moves: the policy and the robot are stand-ins, and the loop, the gate and the
supervisor are the ones that drive robots. Ctrl-C ends it.

Example:
  npx sinew failsafe`,
    )
    .action(act);
}

async function act({ port }: { readonly port: number }): Promise<void> {
  const { failsafeModules, pageFiles } = await import("../dash/page-file.ts");
  const { PageServer } = await import("../dash/page-server.ts");
  const files = pageFiles("failsafe.html", ["page.css", "icon.svg"], failsafeModules);
  const server = new PageServer(files, null);
  await server.listen(port);
  new Terminal({ json: false }).line(`page  ${server.url}`);
  await interrupted();
  server.close();
}
