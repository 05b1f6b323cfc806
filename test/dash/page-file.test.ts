// What a browser loads: every import is served, and nothing of it is Node's or a package's.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";
import { failsafeModules, pageFiles, runModules } from "../../src/dash/page-file.ts";

const pages = [
  { page: "run.html", modules: runModules },
  { page: "failsafe.html", modules: failsafeModules },
];

for (const { page, modules } of pages) {
  test(`${page}: its modules import each other and nothing else`, () => {
    const files = pageFiles(page, ["page.css", "icon.svg"], modules);
    const reached = new Set<string>();
    const follow = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      const text = files.get(path)?.body.toString();
      assert.ok(text !== undefined, `${path} is not served`);
      for (const [, name] of text.matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)) {
        assert.match(name, /^\.\.?\//, `${path} imports ${name}`);
        follow(posix.join(posix.dirname(path), name));
      }
    };
    const html = files.get("/")!.body.toString();
    const [, entry] = /<script type="module" src="([^"]+)"/.exec(html)!;
    follow(`/${entry}`);
    const served = modules.map((name) => `/${name}.js`);
    assert.deepEqual([...reached].sort(), served.sort(), "no more is served than is needed");
    for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      assert.ok(files.has(`/${address}`), address);
    }
  });

  test(`${page}: its text holds no script and no style, and every button has a name`, () => {
    const html = readFileSync(`src/dash/page/${page}`, "utf8");
    assert.doesNotMatch(html, /<script[^>]*>[^<]|<style| style=| on[a-z]+=/);
    assert.match(html, /<html lang="en">/);
    assert.doesNotMatch(html, /https?:/);
  });
}

test("every file of the page is one that is served", () => {
  const known = new Set([...runModules, ...failsafeModules].map((name) => name.split("/").at(-1)));
  for (const name of readdirSync("src/dash/page")) {
    if (!name.endsWith(".ts"))
      assert.match(name, /^(page\.css|icon\.svg|run\.html|failsafe\.html)$/);
    else assert.ok(known.has(name.slice(0, -3)), name);
  }
});
