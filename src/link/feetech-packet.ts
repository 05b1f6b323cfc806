/**
 * The packets of Feetech's serial bus: FF FF, id, length, instruction or error, parameters, and the
 * complement of the low byte of the sum of all but the first two. The length counts from the
 * instruction to the sum.
 */
export const Instruction = {
  ping: 0x01,
  read: 0x02,
  write: 0x03,
  syncRead: 0x82,
  syncWrite: 0x83,
} as const;

/** Every servo takes it for its own, and none answers it but a sync read. */
export const broadcastId = 0xfe;
/** The greatest id of one servo. */
export const servoIdMax = 253;
/** The longest packet: its length is one byte. */
export const packetBytesMax: number = 4 + 255;

const mark = 0xff;
const headerBytes = 4;

/** Writes the sum behind a packet whose other bytes are there; returns how many bytes it has. */
function close(out: Uint8Array, id: number, instruction: number, parameters: number): number {
  out[0] = mark;
  out[1] = mark;
  out[2] = id;
  out[3] = parameters + 2;
  out[4] = instruction;
  const end = headerBytes + 1 + parameters;
  out[end] = sumOf(out, end);
  return end + 1;
}

/** The sum byte of the packet that begins at 0 and has its other bytes before `end`. */
function sumOf(bytes: Uint8Array, end: number): number {
  let sum = 0;
  for (let at = 2; at < end; at++) sum += bytes[at];
  return ~sum & 0xff;
}

/** "Are you there?" Returns how many bytes of `out` to send, as all encoders do. */
export function encodePing(id: number, out: Uint8Array): number {
  return close(out, id, Instruction.ping, 0);
}

/** Asks one servo for `count` bytes of its registers from `address` on. */
export function encodeRead(id: number, address: number, count: number, out: Uint8Array): number {
  out[5] = address;
  out[6] = count;
  return close(out, id, Instruction.read, 2);
}

/** Sets the registers of one servo from `address` on to `data`. */
export function encodeWrite(
  id: number,
  address: number,
  data: Uint8Array,
  out: Uint8Array,
): number {
  out[5] = address;
  out.set(data, 6);
  return close(out, id, Instruction.write, 1 + data.length);
}

/** Asks the first `servos` of `ids` for the same registers; they answer in this order. */
export function encodeSyncRead(
  ids: Uint8Array,
  servos: number,
  address: number,
  count: number,
  out: Uint8Array,
): number {
  out[5] = address;
  out[6] = count;
  for (let at = 0; at < servos; at++) out[7 + at] = ids[at];
  return close(out, broadcastId, Instruction.syncRead, 2 + servos);
}

/**
 * Sets the same `count` registers of each of `ids`, to the next `count` bytes of `data` each. It is
 * not answered. Ids and data must fit a packet: `ids.length * (count + 1) <= 251`.
 */
export function encodeSyncWrite(
  ids: Uint8Array,
  address: number,
  count: number,
  data: Uint8Array,
  out: Uint8Array,
): number {
  out[5] = address;
  out[6] = count;
  let to = 7;
  for (let at = 0; at < ids.length; at++) {
    out[to++] = ids[at];
    for (let i = 0; i < count; i++) out[to++] = data[at * count + i];
  }
  return close(out, broadcastId, Instruction.syncWrite, to - 5);
}

/** A servo's answer, for tests and virtual servos: `error` is 0 where all is well. */
export function encodeStatus(
  id: number,
  error: number,
  parameters: Uint8Array,
  out: Uint8Array,
): number {
  out.set(parameters, 5);
  return close(out, id, error, parameters.length);
}

/**
 * Finds packets in a stream of bytes. What does not sum up is never taken for one: the search goes
 * on one byte after its start, so that a packet behind or inside garbage is found. Allocates
 * nothing after construction.
 */
export class FeetechDecoder {
  /** The packet that `next` found: id, instruction or error, and the parameters behind them. */
  id = 0;
  code = 0;
  /** Its first `parameterCount` bytes. */
  readonly parameters: Uint8Array;
  parameterCount = 0;
  /** Packets found, and beginnings that came to nothing because their sum was wrong. */
  good = 0;
  bad = 0;
  readonly #lengthMax: number;
  readonly #bytes: Uint8Array;
  #held = 0;

  /** A packet of more than `parametersMax` parameters is none, which bounds what garbage costs. */
  constructor(parametersMax: number = 253) {
    this.#lengthMax = parametersMax + 2;
    this.#bytes = new Uint8Array(headerBytes + this.#lengthMax);
    this.parameters = new Uint8Array(parametersMax);
  }

  /** Takes a byte. Ask `next` after each one until it is false, else there is no room for more. */
  push(byte: number): void {
    this.#bytes[this.#held++] = byte;
  }

  /** Whether there is a packet, which is then to be found in the fields. */
  next(): boolean {
    const bytes = this.#bytes;
    while (this.#held > 0) {
      // A third mark is no id: the packet may begin with the second.
      const begins =
        bytes[0] === mark &&
        (this.#held < 2 || bytes[1] === mark) &&
        (this.#held < 3 || bytes[2] !== mark) &&
        (this.#held < 4 || (bytes[3] >= 2 && bytes[3] <= this.#lengthMax));
      if (!begins) {
        this.#drop(1);
        continue;
      }
      if (this.#held < headerBytes || this.#held < headerBytes + bytes[3]) return false;
      const end = headerBytes + bytes[3] - 1;
      if (bytes[end] === sumOf(bytes, end)) {
        this.#take(end);
        return true;
      }
      this.bad++;
      this.#drop(1);
    }
    return false;
  }

  /** Forgets the beginning of a packet that has not ended. */
  clear(): void {
    this.#held = 0;
  }

  #take(end: number): void {
    const bytes = this.#bytes;
    this.id = bytes[2];
    this.code = bytes[4];
    this.parameterCount = end - 5;
    for (let at = 5; at < end; at++) this.parameters[at - 5] = bytes[at];
    this.good++;
    this.#drop(end + 1);
  }

  #drop(count: number): void {
    this.#bytes.copyWithin(0, count, this.#held);
    this.#held -= count;
  }
}
