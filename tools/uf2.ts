/** A UF2 file for an RP2040: what is copied to the drive that a Pico with its button held is. */
const blockBytes = 512;
const payloadAt = 32;
const payloadBytes = 256;
const magics = { start: 0x0a324655, second: 0x9e5d5157, end: 0x0ab16f30 } as const;
const familyPresent = 0x2000;
const familyRp2040 = 0xe48bff56;

/** `image`, to lie at `address` in the flash; the last block is filled up with zeros. */
export function uf2Of(image: Uint8Array, address: number): Buffer {
  const count = Math.ceil(image.length / payloadBytes);
  const file = Buffer.alloc(count * blockBytes);
  for (let block = 0; block < count; block++) {
    const at = block * blockBytes;
    const words = [
      ...[magics.start, magics.second, familyPresent],
      ...[address + block * payloadBytes, payloadBytes, block, count, familyRp2040],
    ];
    words.forEach((word, index) => {
      file.writeUInt32LE(word, at + 4 * index);
    });
    file.set(image.subarray(block * payloadBytes, (block + 1) * payloadBytes), at + payloadAt);
    file.writeUInt32LE(magics.end, at + blockBytes - 4);
  }
  return file;
}
