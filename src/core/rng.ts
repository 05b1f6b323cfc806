/**
 * Seeded random numbers: xoshiro128** (Blackman and Vigna, 2018). Four words of state, so a
 * checkpoint can hold it and a run can be repeated bit for bit.
 */
export class Rng {
  readonly state: Uint32Array = new Uint32Array(4);

  /**
   * `stream` tells apart generators that share a seed, such as the environment's and the
   * noise's.
   */
  constructor(seed: number, stream: number = 0) {
    let x = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0;
    let y = (Math.floor(seed / 2 ** 32) ^ 0x85ebca6b) >>> 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      y = mix(y ^ mix(x));
      this.state[i] = y;
    }
  }

  /** A whole number in [0, 2^32). */
  word(): number {
    const s = this.state;
    const scrambled = Math.imul(s[1]!, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** Uniform in [low, high), with 53 random bits. */
  uniform(low: number = 0, high: number = 1): number {
    const fraction = ((this.word() >>> 5) * 67108864 + (this.word() >>> 6)) / 9007199254740992;
    return low + (high - low) * fraction;
  }

  /**
   * Standard normal by Box and Muller; the second of the pair is dropped, so `state` is all
   * there is.
   */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A whole number in [0, count), each equally likely. `count` from 1 to 2^32. */
  below(count: number): number {
    const n = count >>> 0;
    let word = this.word();
    if (n === 0) return word;
    // The last run of n words may be incomplete: its words are drawn again. 32 bits are fast.
    if (word >= -n >>> 0) {
      const last = ~((-n >>> 0) % n) >>> 0;
      while (word > last) word = this.word();
    }
    return word % n;
  }
}

function mix(word: number): number {
  let x = word >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
