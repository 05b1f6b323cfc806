import { Layout, MessageType } from "../wire/messages.ts";
import type { Change } from "./faulty-line.ts";

const valueBytes = 4;

/** Every value of every command becomes this one: a host whose gate has failed. */
export function commandsBecome(value: number): Change {
  return (frame, length) => {
    if (frame.getUint8(0) !== MessageType.command) return length;
    const at = Layout.command;
    for (let i = 0; i < frame.getUint8(at.count); i++) {
      frame.setFloat32(at.action + 4 * i, value, true);
    }
    return length;
  };
}

/** Every observation becomes this value: a sensor that is broken and says so on time. */
export function observationsBecome(value: number): Change {
  return (frame, length) => {
    forObservations(frame, (at) => frame.setFloat32(at, value, true));
    return length;
  };
}

/** Every observation stays what it is in the first STATE from now on, with fresh stamps. */
export function observationsStick(): Change {
  const stuck: number[] = [];
  return (frame, length) => {
    forObservations(frame, (at, i) => {
      stuck[i] ??= frame.getFloat32(at, true);
      frame.setFloat32(at, stuck[i], true);
    });
    return length;
  };
}

/** Every sample is as old as the first one from now on: the sensor has stopped, and says when. */
export function samplesRepeat(): Change {
  let sampleUs = -1;
  return (frame, length) => {
    if (frame.getUint8(0) !== MessageType.state) return length;
    if (sampleUs < 0) sampleUs = frame.getUint32(Layout.state.sampleUs, true);
    frame.setUint32(Layout.state.sampleUs, sampleUs, true);
    return length;
  };
}

/**
 * Each COMMAND, or each STATE, has another length than its contract says, by turns: its last value
 * is missing; it has one more than it counts; it counts that one, too.
 */
export function framesMisfit(): Change {
  let turn = 0;
  return (frame, length) => {
    const type = frame.getUint8(0);
    const countAt = {
      [MessageType.command]: Layout.command.count,
      [MessageType.state]: Layout.state.actionCount,
    }[type];
    if (countAt === undefined) return length;
    const kind = turn++ % 3;
    if (kind === 0) return length - valueBytes;
    frame.setFloat32(length, 0, true);
    if (kind === 2) frame.setUint8(countAt, frame.getUint8(countAt) + 1);
    return length + valueBytes;
  };
}

/** All stamps of the device's clock jump by so much: the host's measured offset is wrong. */
export function clockJumps(byUs: number): Change {
  const move = (frame: DataView, at: number): void => {
    frame.setUint32(at, (frame.getUint32(at, true) + byUs) >>> 0, true);
  };
  return (frame, length) => {
    const type = frame.getUint8(0);
    if (type === MessageType.synced) {
      move(frame, Layout.synced.rxUs);
      move(frame, Layout.synced.txUs);
    } else if (type === MessageType.state) {
      move(frame, Layout.state.sampleUs);
      move(frame, Layout.state.txUs);
    }
    return length;
  };
}

function forObservations(frame: DataView, take: (at: number, index: number) => void): void {
  if (frame.getUint8(0) !== MessageType.state) return;
  const at = Layout.state;
  for (let i = 0; i < frame.getUint8(at.observationCount); i++) take(at.observation + 4 * i, i);
}
