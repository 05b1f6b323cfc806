/** Clocks may part by this much between two exchanges: 200 us for each second. */
const driftPerUs = 200e-6;
const u32 = 2 ** 32;
// At one each 50 ms this spans 1.6 s, more than any expiry may lie ahead.
const underWayMax = 32;

/**
 * The device's 32-bit microsecond clock seen from the host. Each exchange of stamps bounds the
 * offset to half its round trip either way; the bounds are intersected, and widened with time for
 * drift, so that the shortest round trips count and old ones fade.
 */
export class DeviceClock {
  /** Device minus host, microseconds; NaN before the first exchange. */
  offsetUs: number = Number.NaN;
  /** The true offset was within this of `offsetUs` at the newest exchange. */
  offsetErrorUs: number = Number.POSITIVE_INFINITY;
  /** Round trip of the newest exchange without the time that the device held it. */
  roundTripUs: number = Number.NaN;
  /** How many exchanges there were. */
  exchanges = 0;
  /** Times that the device's clock was found to have stepped. */
  steps = 0;
  #low: number = Number.NEGATIVE_INFINITY;
  #high: number = Number.POSITIVE_INFINITY;
  #boundedUs = 0;
  // When each exchange under way was begun; a slow line has several. NaN once answered.
  readonly #begunUs = new Float64Array(underWayMax).fill(Number.NaN);
  #begun = 0;

  /** Forgets every exchange: the device has started anew. */
  clear(): void {
    this.offsetUs = Number.NaN;
    this.offsetErrorUs = Number.POSITIVE_INFINITY;
    this.#low = Number.NEGATIVE_INFINITY;
    this.#high = Number.POSITIVE_INFINITY;
    this.#begunUs.fill(Number.NaN);
  }

  /**
   * Begins an exchange that is sent at `nowUs`. Its token is the time: no answer to an earlier
   * session, left in a buffer, can carry it.
   */
  begin(nowUs: number): number {
    this.#begun = (this.#begun + 1) % underWayMax;
    this.#begunUs[this.#begun] = nowUs;
    return Math.floor(nowUs) >>> 0;
  }

  /** The answer to the exchange with `token`; false where that is not one of the newest. */
  end(token: number, rxUs: number, txUs: number, receivedUs: number): boolean {
    for (let at = 0; at < underWayMax; at++) {
      const sentUs = this.#begunUs[at];
      if (Number.isNaN(sentUs) || Math.floor(sentUs) >>> 0 !== token) continue;
      this.#begunUs[at] = Number.NaN;
      this.add(sentUs, rxUs, txUs, receivedUs);
      return true;
    }
    return false;
  }

  /** One exchange: sent and received on the host's clock, `rxUs` and `txUs` raw device stamps. */
  add(sentUs: number, rxUs: number, txUs: number, receivedUs: number): void {
    const heldUs = (txUs - rxUs) >>> 0;
    const roundTripUs = receivedUs - sentUs - heldUs;
    // Stamps are whole microseconds, so a trip can come out shorter than it was by one.
    if (!(roundTripUs >= -1)) return;
    this.exchanges++;
    this.roundTripUs = roundTripUs;
    const rxUnwrappedUs = Number.isNaN(this.offsetUs) ? rxUs : this.unwrap(rxUs, receivedUs);
    const offsetUs = rxUnwrappedUs - (sentUs + receivedUs - heldUs) / 2;
    const errorUs = roundTripUs / 2 + 1;
    const driftUs = Math.max(0, receivedUs - this.#boundedUs) * driftPerUs;
    let low = Math.max(this.#low - driftUs, offsetUs - errorUs);
    let high = Math.min(this.#high + driftUs, offsetUs + errorUs);
    if (low > high) {
      // Bounds that do not meet mean that the device's clock has stepped: the past tells nothing.
      this.steps++;
      low = offsetUs - errorUs;
      high = offsetUs + errorUs;
    }
    this.#low = low;
    this.#high = high;
    this.#boundedUs = receivedUs;
    this.offsetUs = (low + high) / 2;
    this.offsetErrorUs = (high - low) / 2;
  }

  /** How far `offsetUs` can be from the true offset at `hostUs`: the clocks go on parting. */
  errorAt(hostUs: number): number {
    return this.offsetErrorUs + Math.max(0, hostUs - this.#boundedUs) * driftPerUs;
  }

  /** The raw stamp `deviceUs` on the host's clock, taken to lie within 35 minutes of `nowUs`. */
  toHost(deviceUs: number, nowUs: number): number {
    return this.unwrap(deviceUs, nowUs) - this.offsetUs;
  }

  /** Host time as a raw stamp of the device's clock, modulo 2^32. */
  toDevice(hostUs: number): number {
    const deviceUs = Math.floor(hostUs + this.offsetUs);
    return deviceUs - Math.floor(deviceUs / u32) * u32;
  }

  /** The raw stamp `deviceUs` as device time that does not wrap. */
  unwrap(deviceUs: number, nowUs: number): number {
    const expectedUs = Math.round(nowUs + this.offsetUs);
    const low = expectedUs - Math.floor(expectedUs / u32) * u32;
    return expectedUs + ((deviceUs - low) | 0);
  }
}
