/**
 * An RP2040's second stage: what its boot ROM copies from the start of the flash to the end of RAM,
 * and enters there if the checksum in its last 4 bytes, little-endian, is right (datasheet 2.7.2).
 */
export const bootStageBytes = 256;
const checksumAt = 252;

/** CRC-32 with polynomial 0x04C11DB7, start 0xFFFFFFFF, neither reflected nor inverted. */
export function bootChecksum(image: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of image.subarray(0, checksumAt)) {
    remainder ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder << 1) ^ (remainder < 0 ? 0x04c11db7 : 0);
    }
  }
  return remainder >>> 0;
}

/** Whether the boot ROM would start `image`. */
export function boots(image: Uint8Array): boolean {
  if (image.length < bootStageBytes) return false;
  return viewOf(image).getUint32(checksumAt, true) === bootChecksum(image);
}

/** Writes the checksum into `image`. */
export function sealBootStage(image: Uint8Array): void {
  viewOf(image).setUint32(checksumAt, bootChecksum(image), true);
}

function viewOf(image: Uint8Array): DataView {
  return new DataView(image.buffer, image.byteOffset, image.length);
}
