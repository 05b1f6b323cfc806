/** What went over the wire since a session began. */
export interface SessionCounts {
  framesIn: number;
  framesBad: number;
  /** STATE frames that came after a newer one. */
  framesOld: number;
  /** Times that the device was found to have started anew. */
  restarts: number;
  commands: number;
  /** Commands not encoded: not ready, not finite, or beyond the contract's limits. */
  commandsRefused: number;
}

export function makeSessionCounts(): SessionCounts {
  return {
    framesIn: 0,
    framesBad: 0,
    framesOld: 0,
    restarts: 0,
    commands: 0,
    commandsRefused: 0,
  };
}
