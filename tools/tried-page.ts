// What a page in a browser is asked, and how it is waited for.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Tab } from "./chromium.ts";

/** Where pictures of pages are left. */
export const pictures = "build/dash";

/** Waits up to 20 s; throws, saying what for. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
): Promise<void> {
  for (let look = 0; look < 400; look++) {
    if (await condition()) return;
    await delay(50);
  }
  assert.fail(`waited in vain for ${what}`);
}

/** The text of the element with this id; empty where there is none. */
export function textOf(tab: Tab, id: string): Promise<string> {
  return tab.value(`document.getElementById(${JSON.stringify(id)})?.textContent ?? ""`);
}

/** Presses a button, again where a busy machine made it late, until the page shows the mode. */
export async function push(tab: Tab, name: string, mode: string): Promise<void> {
  const ready = `document.querySelector("button.${name}")?.disabled === false`;
  for (let look = 0; look < 40; look++) {
    if (await tab.value(ready)) await tab.click(`button.${name}`);
    for (let wait = 0; wait < 20; wait++) {
      if ((await textOf(tab, "mode")) === mode) return;
      await delay(50);
    }
  }
  const said = await Promise.all(
    ["mode", "device", "alarm", "answer"].map((id) => textOf(tab, id)),
  );
  assert.fail(`${name} does not lead to ${mode}: ${said.join(" | ")}`);
}

/** What of all that the tab loaded came from elsewhere. */
function foreign(tab: Tab, url: string): string[] {
  const { host } = new URL(url);
  return tab.requests.filter((one) => new URL(one).host !== host);
}

/** Leaves a picture of it. */
export async function keep(tab: Tab, name: string): Promise<void> {
  writeFileSync(join(pictures, `${name}.png`), await tab.picture());
}

/**
 * Throws where the page complained, loaded something from elsewhere, has a control or a picture
 * without a name, or is wider than its window.
 */
export async function looksRight(tab: Tab, url: string): Promise<void> {
  assert.deepEqual(tab.complaints, []);
  assert.deepEqual(foreign(tab, url), []);
  const { nodes } = await tab.ask("Accessibility.getFullAXTree");
  for (const { ignored, role, name } of nodes as {
    ignored: boolean;
    role: { value: string };
    name?: { value: string };
  }[]) {
    if (ignored || !/^(button|checkbox|combobox|image)$/.test(role.value)) continue;
    assert.notEqual(name?.value ?? "", "", `a ${role.value} without a name`);
  }
  const over = await tab.value<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  const wide = `[...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect()
    .right > document.documentElement.clientWidth + 1).map((one) => one.tagName + one.className)`;
  assert.ok(over <= 0, `${over} pixels wider: ${await tab.value<string[]>(wide)}`);
}
