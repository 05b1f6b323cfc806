import assert from "node:assert/strict";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { Line, ScriptedDevice } from "./scripted-device.ts";

export const cosine: Channel = { name: "pole_cos", unit: "1", low: -1, high: 1 };
export const sine: Channel = { name: "pole_sin", unit: "1", low: -1, high: 1 };
export const velocity: Channel = { name: "pole_velocity", unit: "rad/s", low: -8, high: 8 };
export const torque: Channel = { name: "pole_torque", unit: "N*m", low: -2, high: 2 };
export const spec: Spec = {
  observation: [cosine, sine, velocity],
  action: [torque],
  periodUs: 50_000,
};

/** A line to a device that agrees; nothing has been said yet. */
export function connect(change: (device: ScriptedDevice) => void = () => {}): Line {
  const device = new ScriptedDevice(spec);
  device.offsetUs = 123_456_789;
  change(device);
  return new Line(spec, device);
}

/** A line whose handshake is done. */
export function connected(change?: (device: ScriptedDevice) => void): Line {
  const line = connect(change);
  assert.ok(line.ready(), `still ${line.session.phase}: ${line.session.refusal}`);
  return line;
}
