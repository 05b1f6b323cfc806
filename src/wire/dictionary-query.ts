import { crc32c } from "../core/crc.ts";
import { dictionary, Layout } from "./messages.ts";

/** Collects a device's dictionary, which comes one part at a time. */
export class DictionaryQuery {
  #bytes: Uint8Array = new Uint8Array(0);
  #taken = 0;

  /** What to ask for next, in bytes. */
  get offset(): number {
    return this.#taken;
  }

  /** Takes the frame of a DICTIONARY of `length` bytes. */
  take(frame: DataView, length: number): void {
    const at = Layout.dictionary;
    const [offset, total] = [frame.getUint16(at.offset, true), frame.getUint16(at.total, true)];
    const count = frame.getUint8(at.count);
    if (offset !== this.#taken || length !== at.size + count || offset + count > total) return;
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(total);
    if (this.#bytes.length !== total) return;
    const part = new Uint8Array(frame.buffer, frame.byteOffset + at.size, count);
    this.#bytes.set(part, offset);
    this.#taken += count;
  }

  /** The whole text, or null until it has come. */
  text(): string | null {
    const whole = this.#taken > 0 && this.#taken === this.#bytes.length;
    return whole ? new TextDecoder().decode(this.#bytes) : null;
  }
}

/**
 * How the protocol whose dictionary and hash a device told differs from ours, in one line that
 * names the first field, message or number that does.
 */
export function differenceOfDictionaries(theirs: string, statedHash: number): string {
  if (crc32c(new TextEncoder().encode(theirs)) !== statedHash) {
    return "its dictionary does not fit the hash that it states";
  }
  try {
    return difference("", JSON.parse(dictionary), JSON.parse(theirs)) ?? "it is worded otherwise";
  } catch {
    return "its dictionary cannot be read";
  }
}

/** Depth first, in our order; keys that only they have come last. */
function difference(path: string, ours: unknown, theirs: unknown): string | null {
  const place = path === "" ? "the protocol" : path;
  if (!isBranch(ours) || !isBranch(theirs)) {
    const [a, b] = [ours, theirs].map((one) => (one === undefined ? "none" : JSON.stringify(one)));
    return a === b ? null : `${place} is ${a} here and ${b} there`;
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const found = difference(path === "" ? key : `${path}.${key}`, ours[key], theirs[key]);
    if (found !== null) return found;
  }
  // The order of fields is the order of bytes.
  const [a, b] = [Object.keys(ours).join(), Object.keys(theirs).join()];
  return a === b ? null : `${place} has the order ${a} here and ${b} there`;
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
