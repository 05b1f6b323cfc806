import { Layout, MessageType } from "../wire/messages.ts";
import type { Change } from "./faulty-line.ts";

/** Every value of every command becomes this one: a host whose gate has failed. */
export function commandsBecome(value: number): Change {
  return (frame) => {
    if (frame.getUint8(0) !== MessageType.command) return true;
    const at = Layout.command;
    for (let i = 0; i < frame.getUint8(at.count); i++) {
      frame.setFloat32(at.action + 4 * i, value, true);
    }
    return true;
  };
}

/** Every observation becomes this value: a sensor that is broken and says so on time. */
export function observationsBecome(value: number): Change {
  return (frame) => {
    forObservations(frame, (at) => frame.setFloat32(at, value, true));
    return true;
  };
}

/** Every observation stays what it is in the first STATE from now on, with fresh stamps. */
export function observationsStick(): Change {
  const stuck: number[] = [];
  return (frame) => {
    forObservations(frame, (at, i) => {
      stuck[i] ??= frame.getFloat32(at, true);
      frame.setFloat32(at, stuck[i], true);
    });
    return true;
  };
}

/** Every sample is as old as the first one from now on: the sensor has stopped, and says when. */
export function samplesRepeat(): Change {
  let sampleUs = -1;
  return (frame) => {
    if (frame.getUint8(0) !== MessageType.state) return true;
    if (sampleUs < 0) sampleUs = frame.getUint32(Layout.state.sampleUs, true);
    frame.setUint32(Layout.state.sampleUs, sampleUs, true);
    return true;
  };
}

/** All stamps of the device's clock jump by so much: the host's measured offset is wrong. */
export function clockJumps(byUs: number): Change {
  const move = (frame: DataView, at: number): void => {
    frame.setUint32(at, (frame.getUint32(at, true) + byUs) >>> 0, true);
  };
  return (frame) => {
    const type = frame.getUint8(0);
    if (type === MessageType.synced) {
      move(frame, Layout.synced.rxUs);
      move(frame, Layout.synced.txUs);
    } else if (type === MessageType.state) {
      move(frame, Layout.state.sampleUs);
      move(frame, Layout.state.txUs);
    }
    return true;
  };
}

function forObservations(frame: DataView, take: (at: number, index: number) => void): void {
  if (frame.getUint8(0) !== MessageType.state) return;
  const at = Layout.state;
  for (let i = 0; i < frame.getUint8(at.observationCount); i++) take(at.observation + 4 * i, i);
}
