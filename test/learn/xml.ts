import assert from "node:assert/strict";

/**
 * Fails where `text` is not well-formed XML of the kind that we write: elements that close in
 * their order, quoted attributes, and no stray `&` or `<`. Returns the names of its elements.
 */
export function elementsOf(text: string): string[] {
  const open: string[] = [];
  const names: string[] = [];
  let at = 0;
  const tag = /<(\/?)([a-zA-Z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y;
  while (at < text.length) {
    if (text[at] !== "<") {
      const end = text.indexOf("<", at);
      const content = text.slice(at, end < 0 ? undefined : end);
      assert.doesNotMatch(content, /&(?!(amp|lt|gt|quot|#\d+);)/, `a stray & in ${content}`);
      at += content.length;
      continue;
    }
    tag.lastIndex = at;
    const match = tag.exec(text);
    assert.ok(match !== null, `no tag at ${at}: ${text.slice(at, at + 60)}`);
    const [whole, closes, name, attributes, alone] = match;
    assert.doesNotMatch(attributes, /&(?!(amp|lt|gt|quot|#\d+);)/, `a stray & in ${attributes}`);
    if (closes !== "") assert.equal(open.pop(), name, `</${name}> closes another`);
    else {
      names.push(name);
      if (alone === "") open.push(name);
    }
    at += whole.length;
  }
  assert.deepEqual(open, []);
  return names;
}
