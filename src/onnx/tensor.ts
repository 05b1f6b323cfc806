import { SinewError } from "../core/errors.ts";
import { type ProtoField, readFields, textOf } from "../core/protobuf.ts";
import type { ElementType, Tensor } from "./model.ts";

/** Bytes of one element, and the number of the type in TensorProto.DataType. */
export const elementTypes: Readonly<Record<ElementType, { size: number; code: number }>> = {
  float32: { size: 4, code: 1 },
  int32: { size: 4, code: 6 },
  int64: { size: 8, code: 7 },
  bool: { size: 1, code: 9 },
  float64: { size: 8, code: 11 },
};

/**
 * The bytes of a tensor that lies in a second file: `location` as the first file writes it,
 * `offset` and `length` in bytes. Throws `SinewError("policy-file")` where they are not there.
 */
export type SecondFile = (location: string, offset: number, length: number) => Uint8Array;

/** Throws `SinewError("policy-file")`. */
export function refuse(problem: string): never {
  // The names come from the file, which may hold line breaks and terminal codes.
  const line = problem.replaceAll(/\p{Cc}/gu, "?");
  throw new SinewError("policy-file", `not an ONNX file that Sinew can read: ${line}`);
}

/** Reads a tensor, its data copied. Without `second` one that lies in a second file is refused. */
export function readTensor(bytes: Uint8Array, second: SecondFile | null): Tensor {
  let name = "";
  let code = 0;
  let raw: Uint8Array | null = null;
  let elsewhere = false;
  const place = new Map<string, string>();
  const dims: number[] = [];
  const listed: ProtoField[] = [];
  for (const part of readFields(bytes)) {
    const { field, wireType, value, bytes: payload } = part;
    if (field === 1) appendInts(part, dims);
    if (field === 2 && wireType === 0) code = value;
    if (field === 4 || field === 5 || field === 7 || field === 10) listed.push(part);
    if (field === 8 && wireType === 2) name = textOf(payload);
    // Not Uint8Array.slice: of a Buffer that is a view of the whole file.
    if (field === 9 && wireType === 2) raw = Uint8Array.from(payload);
    if (field === 13 && wireType === 2) place.set(...readEntry(payload));
    // Whatever another reader might take for it: these weights are not in this file.
    if (field === 13 || (field === 14 && value !== 0)) elsewhere = true;
  }
  const type = typeOfCode(code, `the tensor "${name}"`);
  const count = dims.reduce((product, size) => product * size, 1);
  const size = elementTypes[type].size;
  const data = elsewhere
    ? readElsewhere(name, place, count * size, second)
    : (raw ?? joinListed(type, listed));
  if (dims.some((length) => length < 0) || data.length !== count * size) {
    refuse(`the tensor "${name}" [${dims.join(", ")}] of ${type} has ${data.length} bytes`);
  }
  return { name, type, dims, data };
}

/** A key and its text. */
function readEntry(bytes: Uint8Array): [key: string, text: string] {
  const texts = ["", ""];
  for (const { field, wireType, bytes: payload } of readFields(bytes)) {
    if (wireType === 2 && (field === 1 || field === 2)) texts[field - 1] = textOf(payload);
  }
  return [texts[0], texts[1]];
}

/** The `size` bytes of a tensor whose `place` names a second file. */
function readElsewhere(
  name: string,
  place: ReadonlyMap<string, string>,
  size: number,
  second: SecondFile | null,
): Uint8Array {
  if (second === null) refuse(`the weights of "${name}" are in a second file`);
  const location = place.get("location") ?? "";
  const offset = Number(place.get("offset") ?? 0);
  const length = Number(place.get("length") ?? size);
  const whole = [offset, length].every((one) => Number.isSafeInteger(one) && one >= 0);
  if (location === "" || !whole || length !== size) {
    const where = `${length} bytes at ${offset} of "${location}"`;
    refuse(`the tensor "${name}" of ${size} bytes lies in ${where}`);
  }
  return Uint8Array.from(second(location, offset, length));
}

/** Elements given in float_data (4), int32_data (5), int64_data (7) or double_data (10). */
function joinListed(type: ElementType, listed: readonly ProtoField[]): Uint8Array {
  const home = { float32: 4, int32: 5, bool: 5, int64: 7, float64: 10 }[type];
  const fields = listed.filter(({ field }) => field === home);
  if (type === "float32" || type === "float64") {
    const size = fields.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const data = new Uint8Array(size);
    let at = 0;
    for (const { bytes } of fields) {
      data.set(bytes, at);
      at += bytes.length;
    }
    return data;
  }
  const values = fields.flatMap(({ wireType, value, bytes }) =>
    wireType === 2 ? varints(bytes) : [BigInt(value)],
  );
  const { size } = elementTypes[type];
  const data = new Uint8Array(values.length * size);
  const view = new DataView(data.buffer);
  values.forEach((value, index) => {
    if (type === "int64") view.setBigInt64(index * size, value, true);
    else if (type === "int32") view.setInt32(index * size, Number(BigInt.asIntN(32, value)), true);
    else view.setUint8(index, value === 0n ? 0 : 1);
  });
  return data;
}

/** The element type of ONNX's number for it; `owner` is for the refusal. */
export function typeOfCode(code: number, owner: string): ElementType {
  for (const [type, known] of Object.entries(elementTypes)) {
    if (known.code === code) return type as ElementType;
  }
  return refuse(`${owner} has elements of the ONNX type ${code}`);
}

/** A repeated integer field, one by one or packed. */
export function appendInts({ wireType, value, bytes }: ProtoField, into: number[]): void {
  if (wireType === 0) into.push(value);
  else for (const each of varints(bytes)) into.push(Number(each));
}

export function appendFloats({ bytes }: ProtoField, into: number[]): void {
  if (bytes.length % 4 !== 0) refuse("a list of floats has a broken length");
  for (let at = 0; at < bytes.length; at += 4) into.push(float32At(bytes, at));
}

export function float32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(at, true);
}

/** Packed varints as signed 64-bit numbers. */
function varints(bytes: Uint8Array): bigint[] {
  const values: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (shift > 70n) refuse("a list of integers is broken");
    if (byte >= 128) continue;
    values.push(BigInt.asIntN(64, value));
    value = 0n;
    shift = 0n;
  }
  if (shift !== 0n) refuse("a list of integers is broken");
  return values;
}
