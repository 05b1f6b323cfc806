import assert from "node:assert/strict";
import { test } from "node:test";
import { Layout, MessageType } from "../../src/wire/messages.ts";
import { outdatedFiles } from "../../tools/generate-messages.ts";

test("what is generated from messages.json is what is committed", () => {
  assert.deepEqual(outdatedFiles(process.cwd()), []);
});

test("every message has a type and a layout, and no two share a type", () => {
  assert.deepEqual(Object.keys(Layout), Object.keys(MessageType));
  assert.equal(new Set(Object.values(MessageType)).size, Object.keys(MessageType).length);
});
