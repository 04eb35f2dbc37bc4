import type { JetStreamManager } from "@nats-io/jetstream";
import type { DeadLetter } from "../shared/log/state/dead-letters.ts";
import { HEADER } from "../shared/base/headers.ts";
import { sessionFilter } from "../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { walk } from "../shared/log/follow/walk.ts";

/** What of a dead letter decides about its place; a hundred thousand of them fit into memory, their bodies do not. */
export type ThinLetter = Pick<DeadLetter, "seq" | "id" | "origSeq" | "session">;

/** In which order letters go, and which go without being sent. */
export type RedrivePlan = {
  /** One letter of each event, in the order in which the events were in the log. */
  send: ThinLetter[];
  /** Older letters of events that are sent: the event goes once. */
  drop: ThinLetter[];
};

/**
 * Several dead letters of one session keep their original order, whatever the order in which they died: by the place of each event's
 * first letter in the log. Pure.
 */
export function planRedrive(letters: readonly ThinLetter[]): RedrivePlan {
  const events = new Map<string, { first: number; newest: ThinLetter }>();
  const drop: ThinLetter[] = [];
  for (const letter of letters) {
    const known = events.get(letter.id);
    if (known === undefined) {
      events.set(letter.id, { first: letter.origSeq, newest: letter });
      continue;
    }
    known.first = Math.min(known.first, letter.origSeq);
    const [older, newer] = letter.seq > known.newest.seq ? [known.newest, letter] : [letter, known.newest];
    known.newest = newer;
    drop.push(older);
  }
  const order = [...events.values()].sort((a, b) => a.first - b.first);
  return { send: order.map(({ newest }) => newest), drop };
}

/** Sessions looked at before the answer is "at least": one direct get each. */
const MOST_SESSIONS = 1000;
/** Events of one session looked at, and at once: mostly the first one decides. */
const MOST_EVENTS = 100;
const PAGE = 4;

/**
 * Sessions with later events in the log than the first that is to be redriven, which were delivered or will be before it: for them order cannot be
 * kept (ORDER-1). What is a dead letter itself does not count. Looks at {@link MOST_SESSIONS} sessions at most.
 */
export async function overtaken(
  jsm: JetStreamManager,
  { send, drop }: RedrivePlan,
): Promise<{ sessions: string[]; all: boolean }> {
  const letters = new Set([...send, ...drop].map(({ seq }) => seq));
  const dead = new Set([...send, ...drop].map(({ origSeq }) => origSeq));
  const firsts = new Map<string, number>();
  for (const { session, origSeq } of send) if (!firsts.has(session)) firsts.set(session, origSeq);
  const sessions: string[] = [];
  let looked = 0;
  for (const [session, first] of firsts) {
    if (looked++ === MOST_SESSIONS) return { sessions, all: false };
    let seen = 0;
    for await (const message of walk(jsm, EVENTS_STREAM, sessionFilter(session), first + 1, PAGE)) {
      const of = /^RR_DEAD:(\d+)$/.exec(message.header.get(HEADER.replayOf))?.[1];
      const isDead = dead.has(message.seq) || (of !== undefined && letters.has(Number(of)));
      if (!isDead || ++seen === MOST_EVENTS) {
        sessions.push(session);
        break;
      }
    }
  }
  return { sessions, all: true };
}
