import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { PageServer, text } from "../../src/dash/page-server.ts";

test("page server: it listens on loopback and nowhere else", async (t) => {
  const server = new PageServer(new Map([["/", text("here")]]), null);
  t.after(() => server.close());
  await server.listen(0);
  const { address, port } = server.server.address() as AddressInfo;
  assert.equal(address, "127.0.0.1");
  assert.equal(server.url, `http://127.0.0.1:${port}/`);
  const answer = await fetch(server.url);
  assert.deepEqual([answer.status, await answer.text()], [200, "here\n"]);
  const head = await fetch(server.url, { method: "HEAD" });
  assert.deepEqual([head.headers.get("content-length"), await head.text()], ["5", ""]);
});
