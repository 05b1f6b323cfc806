/**
 * The packets of Dynamixel's protocol 2.0: FF FF FD 00, id, length, instruction, parameters, CRC;
 * of a status packet the first parameter is its error. The length, two bytes, counts from the
 * instruction to the CRC. A further FD follows each FF FF FD behind the length, so that no packet
 * holds the beginning of another. Numbers are little-endian. Source: ROBOTIS e-Manual, "DYNAMIXEL
 * Protocol 2.0".
 */
export const Instruction = {
  ping: 0x01,
  read: 0x02,
  write: 0x03,
  status: 0x55,
  syncRead: 0x82,
  syncWrite: 0x83,
} as const;

/** Every servo takes it for its own; none answers it but a ping and a sync read. */
export const broadcastId = 0xfe;
/** The greatest id of one servo. */
export const servoIdMax = 252;
/** Room for the packet of 384 parameters, of which every third may be doubled. */
export const packetBytesMax: number = 4 + 3 + 1 + 2 + 512;

const headerBytes = 7;
const crcTable: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x8005);
  return crc;
});

/** CRC-16 of `bytes[0, end)`: polynomial 0x8005, not reflected, from 0. */
function crcOf(bytes: Uint8Array, end: number): number {
  let crc = 0;
  for (let at = 0; at < end; at++) {
    crc = ((crc << 8) & 0xffff) ^ crcTable[(crc >> 8) ^ bytes[at]];
  }
  return crc;
}

/** Whether FF FF FD ends before `end`, none of it before the instruction. */
function endsHeader(bytes: Uint8Array, end: number): boolean {
  return (
    end - headerBytes >= 3 &&
    bytes[end - 1] === 0xfd &&
    bytes[end - 2] === 0xff &&
    bytes[end - 3] === 0xff
  );
}

/** Writes packets byte by byte; one for all encoders, which keep nothing between two calls. */
class Writer {
  #out: Uint8Array = new Uint8Array(0);
  #end = headerBytes;

  begin(out: Uint8Array, id: number, instruction: number): this {
    this.#out = out;
    this.#end = headerBytes;
    out[0] = 0xff;
    out[1] = 0xff;
    out[2] = 0xfd;
    out[3] = 0x00;
    out[4] = id;
    return this.byte(instruction);
  }

  byte(value: number): this {
    this.#out[this.#end++] = value;
    if (endsHeader(this.#out, this.#end)) this.#out[this.#end++] = 0xfd;
    return this;
  }

  word(value: number): this {
    return this.byte(value & 0xff).byte((value >> 8) & 0xff);
  }

  close(): number {
    const out = this.#out;
    // What did not fit was not written.
    if (this.#end + 2 > out.length) return 0;
    const length = this.#end + 2 - headerBytes;
    out[5] = length & 0xff;
    out[6] = length >> 8;
    const crc = crcOf(out, this.#end);
    out[this.#end++] = crc & 0xff;
    out[this.#end++] = crc >> 8;
    return this.#end;
  }
}

const writer = new Writer();

/**
 * "Are you there?" Each encoder returns how many bytes of `out` to send, 0 where it has no room.
 */
export function encodePing(id: number, out: Uint8Array): number {
  return writer.begin(out, id, Instruction.ping).close();
}

/** Asks one servo for `count` bytes of its control table from `address` on. */
export function encodeRead(id: number, address: number, count: number, out: Uint8Array): number {
  return writer.begin(out, id, Instruction.read).word(address).word(count).close();
}

/** Sets one servo's control table from `address` on to `data`. */
export function encodeWrite(
  id: number,
  address: number,
  data: Uint8Array,
  out: Uint8Array,
): number {
  writer.begin(out, id, Instruction.write).word(address);
  for (let at = 0; at < data.length; at++) writer.byte(data[at]);
  return writer.close();
}

/** Asks the first `servos` of `ids` for the same entries; they answer in this order. */
export function encodeSyncRead(
  ids: Uint8Array,
  servos: number,
  address: number,
  count: number,
  out: Uint8Array,
): number {
  writer.begin(out, broadcastId, Instruction.syncRead).word(address).word(count);
  for (let at = 0; at < servos; at++) writer.byte(ids[at]);
  return writer.close();
}

/** Sets the same `count` bytes of each of `ids`, to the next `count` of `data`. Not answered. */
export function encodeSyncWrite(
  ids: Uint8Array,
  address: number,
  count: number,
  data: Uint8Array,
  out: Uint8Array,
): number {
  writer.begin(out, broadcastId, Instruction.syncWrite).word(address).word(count);
  for (let at = 0; at < ids.length; at++) {
    writer.byte(ids[at]);
    for (let i = 0; i < count; i++) writer.byte(data[at * count + i]);
  }
  return writer.close();
}

/** A servo's answer, for tests and virtual servos; bit 7 of `error` is an alarm of its own. */
export function encodeStatus(
  id: number,
  error: number,
  parameters: Uint8Array,
  out: Uint8Array,
): number {
  writer.begin(out, id, Instruction.status).byte(error);
  for (let at = 0; at < parameters.length; at++) writer.byte(parameters[at]);
  return writer.close();
}

/**
 * Finds packets in a stream of bytes. What its CRC does not fit is never taken for one: the search
 * goes on one byte after its start. Allocates nothing after construction.
 */
export class DynamixelDecoder {
  /** The packet that `next` found. Of a status packet `parameters[0]` is its error. */
  id = 0;
  instruction = 0;
  /** Its first `parameterCount` bytes, no FD doubled. */
  readonly parameters: Uint8Array;
  parameterCount = 0;
  /** Packets found, and beginnings whose CRC was wrong. */
  good = 0;
  bad = 0;
  readonly #lengthMax: number;
  readonly #bytes: Uint8Array;
  #held = 0;

  /** A packet of more than `parametersMax` parameters is none, which bounds what garbage costs. */
  constructor(parametersMax: number = 128) {
    this.#lengthMax = 3 + Math.ceil((parametersMax * 4) / 3);
    this.#bytes = new Uint8Array(headerBytes + this.#lengthMax);
    this.parameters = new Uint8Array(this.#lengthMax);
  }

  /** Takes a byte. Ask `next` after each one until it is false, else there is no room for more. */
  push(byte: number): void {
    this.#bytes[this.#held++] = byte;
  }

  /** Whether there is a packet, which is then to be found in the fields. */
  next(): boolean {
    const bytes = this.#bytes;
    while (this.#held > 0) {
      if (!this.#begins()) {
        this.#drop(1);
        continue;
      }
      if (this.#held < headerBytes) return false;
      const end = headerBytes + (bytes[5] | (bytes[6] << 8));
      if (this.#held < end) return false;
      if (crcOf(bytes, end - 2) === (bytes[end - 2] | (bytes[end - 1] << 8))) {
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

  /** Whether what is held may be the beginning of a packet. */
  #begins(): boolean {
    const bytes = this.#bytes;
    const held = this.#held;
    if (bytes[0] !== 0xff || (held > 1 && bytes[1] !== 0xff)) return false;
    if ((held > 2 && bytes[2] !== 0xfd) || (held > 3 && bytes[3] !== 0)) return false;
    const length = bytes[5] | (bytes[6] << 8);
    return held < headerBytes || (length >= 3 && length <= this.#lengthMax);
  }

  #take(end: number): void {
    const bytes = this.#bytes;
    this.id = bytes[4];
    this.instruction = bytes[headerBytes];
    this.parameterCount = 0;
    for (let at = headerBytes + 1; at < end - 2; at++) {
      this.parameters[this.parameterCount++] = bytes[at];
      if (endsHeader(bytes, at + 1) && bytes[at + 1] === 0xfd) at++;
    }
    this.good++;
    this.#drop(end);
  }

  #drop(count: number): void {
    this.#bytes.copyWithin(0, count, this.#held);
    this.#held -= count;
  }
}
