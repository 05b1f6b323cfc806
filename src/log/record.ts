import { SinewError } from "../core/errors.ts";
import { ProtoWriter } from "../core/protobuf.ts";
import type { Spec } from "../core/spec.ts";
import type { Mode, Step, Verdict } from "../core/step.ts";
import { describeStep } from "./schema.ts";

/**
 * A `Step` as a protocol buffer (`sinew.Step`) in which every number has a fixed width, so that it
 * stands at the same offset in every record: `encode` overwrites the numbers of a template and
 * copies it, without an allocation. Decoding what was encoded gives back the same bits: floats
 * keep NaN payloads, -0 and infinities.
 */
export class StepRecord {
  readonly spec: Spec;
  /** Bytes of one record: the same for every step of `spec`. */
  readonly size: number;
  /** The `FileDescriptorSet` that describes the record to other tools. */
  readonly schema: Uint8Array;

  readonly #template: Uint8Array;
  readonly #view: DataView;
  readonly #scratch: Uint8Array;
  readonly #scratchView: DataView;
  readonly #at: Offsets;
  /** Positions of the tags and lengths, which are the same in every record. */
  readonly #frame: Uint16Array;
  readonly #observation = new ByteView();
  readonly #proposed = new ByteView();
  readonly #action = new ByteView();

  constructor(spec: Spec) {
    this.spec = spec;
    this.schema = describeStep(spec);
    const { template, at, frame } = layOut(spec);
    this.#template = template;
    this.#view = new DataView(template.buffer);
    this.#scratch = template.slice();
    this.#scratchView = new DataView(this.#scratch.buffer);
    this.#at = at;
    this.#frame = frame;
    this.size = template.length;
  }

  /** Writes `step` to `out[at, at + size)`. `seq` is a whole number; the arrays fit the spec. */
  encode(step: Step, out: Uint8Array, at: number): void {
    const view = this.#view;
    const offsets = this.#at;
    view.setUint32(offsets.seq, step.seq, true);
    view.setInt32(offsets.seq + 4, Math.floor(step.seq / 2 ** 32), true);
    view.setFloat64(offsets.timeUs, step.timeUs, true);
    view.setFloat64(offsets.ageUs, step.ageUs, true);
    view.setFloat64(offsets.decidedUs, step.decidedUs, true);
    view.setFloat64(offsets.validUntilUs, step.validUntilUs, true);
    view.setUint32(offsets.mode, step.mode, true);
    view.setUint32(offsets.verdict, step.verdict, true);
    view.setUint32(offsets.reasons, step.reasons, true);
    // Bytes, not numbers: reading a float as a number may lose the payload of a NaN.
    this.#template.set(this.#observation.of(step.observation), offsets.observation);
    this.#template.set(this.#proposed.of(step.proposed), offsets.proposed);
    this.#template.set(this.#action.of(step.action), offsets.action);
    out.set(this.#template, at);
  }

  /**
   * Reads the record at `bytes[at, at + size)` into `step`. Throws `SinewError("log-file")` where
   * the bytes are no record of this spec.
   */
  decode(bytes: Uint8Array, at: number, step: Step): void {
    if (at + this.size > bytes.length) {
      throw new SinewError("log-file", `a record ends after ${bytes.length - at} bytes`);
    }
    const scratch = this.#scratch;
    for (let i = 0; i < this.size; i++) scratch[i] = bytes[at + i];
    for (const position of this.#frame) {
      if (scratch[position] !== this.#template[position]) {
        throw new SinewError("log-file", `a record does not fit its spec (at byte ${position})`);
      }
    }
    const view = this.#scratchView;
    const offsets = this.#at;
    step.seq = view.getUint32(offsets.seq, true) + view.getInt32(offsets.seq + 4, true) * 2 ** 32;
    step.timeUs = view.getFloat64(offsets.timeUs, true);
    step.ageUs = view.getFloat64(offsets.ageUs, true);
    step.decidedUs = view.getFloat64(offsets.decidedUs, true);
    step.validUntilUs = view.getFloat64(offsets.validUntilUs, true);
    step.mode = view.getUint32(offsets.mode, true) as Mode;
    step.verdict = view.getUint32(offsets.verdict, true) as Verdict;
    step.reasons = view.getUint32(offsets.reasons, true);
    this.#read(offsets.observation, this.#observation.of(step.observation));
    this.#read(offsets.proposed, this.#proposed.of(step.proposed));
    this.#read(offsets.action, this.#action.of(step.action));
  }

  /** The `timeUs` of the record at `view[at, at + size)`. */
  timeUsOf(view: DataView, at: number): number {
    return view.getFloat64(at + this.#at.timeUs, true);
  }

  /** The low 32 bits of the `seq` of the record at `view[at, at + size)`. */
  sequenceOf(view: DataView, at: number): number {
    return view.getUint32(at + this.#at.seq, true);
  }

  #read(from: number, into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.#scratch[from + i];
  }
}

/** Where each field's number, or the first of its numbers, stands in a record. */
type Offsets = Record<
  | "seq"
  | "timeUs"
  | "ageUs"
  | "decidedUs"
  | "validUntilUs"
  | "mode"
  | "verdict"
  | "reasons"
  | "observation"
  | "proposed"
  | "action",
  number
>;

function layOut(spec: Spec): { template: Uint8Array; at: Offsets; frame: Uint16Array } {
  const proto = new ProtoWriter();
  const frame: number[] = [];
  let end = 0;
  const place = (width: number): number => {
    const next = proto.finish().length;
    for (let position = end; position < next - width; position++) frame.push(position);
    end = next;
    return next - width;
  };
  // Placeholders of the right width: wire type 1 is any 8 bytes, wire type 5 any 4.
  const wide = (field: number): number => {
    proto.double(field, 0);
    return place(8);
  };
  const narrow = (field: number): number => {
    proto.float(field, 0);
    return place(4);
  };
  const floats = (field: number, count: number): number => {
    proto.bytes(field, new Uint8Array(count * 4));
    return place(count * 4);
  };
  const at: Offsets = {
    seq: wide(1),
    timeUs: wide(2),
    ageUs: wide(3),
    decidedUs: wide(4),
    validUntilUs: wide(5),
    mode: narrow(6),
    verdict: narrow(7),
    reasons: narrow(8),
    observation: floats(9, spec.observation.length),
    proposed: floats(10, spec.action.length),
    action: floats(11, spec.action.length),
  };
  return { template: proto.finish(), at, frame: Uint16Array.from(frame) };
}

/** The bytes of a float array, made once for each array that is met. */
class ByteView {
  #floats: Float32Array = new Float32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);

  of(floats: Float32Array): Uint8Array {
    if (floats !== this.#floats) {
      this.#floats = floats;
      this.#bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
    }
    return this.#bytes;
  }
}
