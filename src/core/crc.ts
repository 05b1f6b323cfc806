/**
 * CRC-32C (Castagnoli): polynomial 0x1EDC6F41 reflected, start and final xor 0xFFFFFFFF (RFC
 * 3720, 12.1).
 */
const table: Uint32Array = makeTable();

function makeTable(): Uint32Array {
  const entries = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
    }
    entries[byte] = remainder >>> 0;
  }
  return entries;
}

/**
 * CRC-32C of `bytes[start, end)` as an unsigned 32-bit number; the check value of "123456789" is
 * 0xE3069283. Pass the result of an earlier call as `previous` to go on where that one ended.
 */
export function crc32c(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
  previous: number = 0,
): number {
  let remainder = ~previous;
  for (let at = start; at < end; at++) {
    remainder = table[(remainder ^ bytes[at]!) & 0xff]! ^ (remainder >>> 8);
  }
  return ~remainder >>> 0;
}
