import type { SessionNumber } from "./write.ts";

/** Sessions whose numbering is kept. A forgotten one starts a new epoch, which is always right; about 150 B each. */
const MAX_NUMBERED_SESSIONS = 100_000;

/** Numbers of events: per session consecutive from 1 within an epoch, and no (epoch, number) is ever given twice. */
export type Sequences = {
  next(session: string): SessionNumber;
  /** The session's next number starts a new epoch: the last one given may or may not have been used. */
  renew(session: string): void;
};

/**
 * `start` is random and of the same length in every process, so that two processes never share an epoch; a counter tells the epochs of one
 * process apart. Least recently used sessions are forgotten beyond `limit`.
 */
export function createSequences(start: string, limit: number = MAX_NUMBERED_SESSIONS): Sequences {
  const sessions = new Map<string, SessionNumber>();
  let epochs = 0;
  return {
    next(session) {
      let last = sessions.get(session);
      if (last === undefined) {
        last = { epoch: `${start}${(epochs++).toString(36)}`, seq: 0 };
        if (sessions.size >= limit) forgetOldest(sessions);
      } else {
        sessions.delete(session); // to the end: the map's order is the order of use
      }
      const number = { epoch: last.epoch, seq: last.seq + 1 };
      sessions.set(session, number);
      return number;
    },
    renew(session) {
      sessions.delete(session);
    },
  };
}

function forgetOldest(sessions: Map<string, SessionNumber>): void {
  for (const session of sessions.keys()) {
    sessions.delete(session);
    return;
  }
}
