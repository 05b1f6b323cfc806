import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { ProtoWriter } from "../../src/core/protobuf.ts";
import { Rng } from "../../src/core/rng.ts";
import { decodeModel, encodeModel, type Model, type Tensor } from "../../src/onnx/model.ts";

const int64 = (name: string, values: readonly bigint[]): Tensor => ({
  name,
  type: "int64",
  dims: [values.length],
  data: new Uint8Array(BigInt64Array.from(values).buffer),
});

const everything: Model = {
  irVersion: 8,
  opset: 17,
  producer: "test",
  graph: {
    name: "all",
    nodes: [
      {
        op: "Gemm",
        inputs: ["x", "w", ""],
        outputs: ["y"],
        attributes: { alpha: { float: 0.5 }, transB: { int: 1 }, beta: { float: 0 } },
      },
      {
        op: "Loop",
        inputs: ["n", "", "y"],
        outputs: ["z"],
        attributes: {
          axes: { ints: [0, -1, 2 ** 40] },
          scales: { floats: [1.5, -0.25] },
          none: { ints: [] },
          word: { string: "größe" },
          value: { tensor: int64("", [-1n, 2n ** 63n - 1n]) },
          body: {
            graph: {
              name: "body",
              nodes: [{ op: "Identity", inputs: ["a"], outputs: ["b"], attributes: {} }],
              initializers: [],
              inputs: [{ name: "a", type: "bool", dims: [] }],
              outputs: [{ name: "b", type: "float64", dims: [2, "n"] }],
            },
          },
        },
      },
    ],
    initializers: [
      {
        name: "w",
        type: "float32",
        dims: [1, 2],
        data: new Uint8Array(Float32Array.of(Number.NaN, -0).buffer),
      },
      { name: "nothing", type: "int32", dims: [0], data: new Uint8Array(0) },
    ],
    inputs: [{ name: "x", type: "float32", dims: ["batch", 1] }],
    outputs: [{ name: "z", type: "float32", dims: ["batch", 2] }],
  },
  metadata: new Map([
    ["first", "1"],
    ["second", '{"a": "ü"}'],
  ]),
};

/** A model with one initializer, whose message `write` fills. */
function modelWith(write: (tensor: ProtoWriter) => void): Uint8Array {
  return new ProtoWriter()
    .varint(1, 8)
    .message(8, (opset) => opset.varint(2, 17))
    .message(7, (graph) =>
      graph.message(5, write).message(12, (output) =>
        output.string(1, "y").message(2, (type) => {
          type.message(1, (tensor) => tensor.varint(1, 1));
        }),
      ),
    )
    .finish();
}

function refused(bytes: Uint8Array): string {
  try {
    decodeModel(bytes);
  } catch (thrown) {
    assert(thrown instanceof SinewError, String(thrown));
    assert.equal(thrown.code, "policy-file");
    assert.doesNotMatch(thrown.message, /\n/);
    return thrown.message;
  }
  return "";
}

test("a model that is written and read again is equal, with every kind of attribute", () => {
  assert.deepEqual(decodeModel(encodeModel(everything)), everything);
});

test("reading a Buffer copies the weights instead of viewing the file", () => {
  const file = Buffer.from(encodeModel(everything));
  const model = decodeModel(file);
  file.fill(0xee);
  assert.deepEqual(model, everything);
  assert.equal(model.graph.initializers[0].data.buffer.byteLength, 8);
});

test("elements listed by type are read as raw data is", () => {
  const floats = new Uint8Array(Float32Array.of(1.5, -2).buffer);
  const doubles = new Uint8Array(Float64Array.of(1 / 3).buffer);
  // Packed varints: 1, -1 (ten bytes), 300.
  const packed = Uint8Array.of(1, ...Array(9).fill(0xff), 1, 0xac, 2);
  const cases: [code: number, count: number, field: number, list: Uint8Array, data: Uint8Array][] =
    [
      [1, 2, 4, floats, floats],
      [11, 1, 10, doubles, doubles],
      [7, 3, 7, packed, new Uint8Array(BigInt64Array.of(1n, -1n, 300n).buffer)],
      [6, 3, 5, packed, new Uint8Array(Int32Array.of(1, -1, 300).buffer)],
      [9, 3, 5, Uint8Array.of(0, 1, 1), Uint8Array.of(0, 1, 1)],
    ];
  for (const [code, count, field, list, data] of cases) {
    const file = modelWith((tensor) => tensor.varint(1, count).varint(2, code).bytes(field, list));
    assert.deepEqual(decodeModel(file).graph.initializers[0].data, data, `type ${code}`);
  }
  const single = modelWith((tensor) => tensor.varint(1, 2).varint(2, 7).varint(7, -5).varint(7, 9));
  assert.deepEqual(
    decodeModel(single).graph.initializers[0].data,
    new Uint8Array(BigInt64Array.of(-5n, 9n).buffer),
  );
});

test("what Sinew does not read is refused by name", () => {
  const external = modelWith((tensor) => tensor.varint(2, 1).string(8, "w0").varint(14, 1));
  assert.match(refused(external), /weights of "w0" are in a second file/);
  // Of 2^32 + 1 others keep the 1, and look for another file whatever stands in this one.
  const decoys = [
    modelWith((tensor) =>
      tensor
        .varint(1, 1)
        .varint(2, 1)
        .string(8, "w0")
        .bytes(9, new Uint8Array(4))
        .varint(14, 2 ** 32 + 1),
    ),
    modelWith((tensor) =>
      tensor.varint(1, 1).varint(2, 1).string(8, "w0").bytes(9, new Uint8Array(4)).string(13, ""),
    ),
  ];
  for (const decoy of decoys) assert.match(refused(decoy), /weights of "w0" are in a second file/);
  const half = modelWith((tensor) => tensor.varint(2, 10).string(8, "w0"));
  assert.match(refused(half), /tensor "w0" has elements of the ONNX type 10/);
  const short = modelWith((tensor) =>
    tensor.varint(1, 3).varint(2, 1).string(8, "w0").bytes(9, new Uint8Array(8)),
  );
  assert.match(refused(short), /tensor "w0" \[3\] of float32 has 8 bytes/);
  const huge = modelWith((tensor) =>
    tensor
      .varint(1, 2 ** 52)
      .varint(1, 2 ** 52)
      .varint(2, 1),
  );
  assert.match(refused(huge), /has 0 bytes/);
  const negative = modelWith((tensor) => tensor.varint(1, -1).varint(1, -1).varint(2, 1));
  assert.match(refused(negative), /\[-1, -1\]/);
});

test("graphs nested without end are refused instead of overflowing the stack", () => {
  let graph = new ProtoWriter().message(12, (output) => output.string(1, "y")).finish();
  for (let depth = 0; depth < 5000; depth++) {
    const attribute = new ProtoWriter().string(1, "body").bytes(6, graph).finish();
    const node = new ProtoWriter().string(4, "If").bytes(5, attribute).finish();
    graph = new ProtoWriter().bytes(1, node).finish();
  }
  assert.match(refused(new ProtoWriter().varint(1, 8).bytes(7, graph).finish()), /nested deeper/);
});

test("other files are refused with one line", () => {
  const rng = new Rng(7);
  const noise = Uint8Array.from({ length: 4096 }, () => rng.below(256));
  for (const bytes of [
    new Uint8Array(0),
    new TextEncoder().encode("# a text file, not a model\n"),
    new TextEncoder().encode('{"a": 1}'),
    new Uint8Array(1000),
    noise,
  ]) {
    assert.match(refused(bytes), /not an ONNX file/);
  }
});

test("a cut or a flipped bit gives a model or a refusal, never another error", () => {
  const file = encodeModel(everything);
  const metadataStart = encodeModel({ ...everything, metadata: new Map() }).length;
  for (let length = 0; length < file.length; length++) {
    const message = refused(file.subarray(0, length));
    if (length < metadataStart) assert.match(message, /not an ONNX file/, `cut at ${length}`);
  }
  for (let bit = 0; bit < file.length * 8; bit++) {
    const flipped = file.slice();
    flipped[bit >> 3] ^= 1 << (bit & 7);
    refused(flipped);
  }
});
