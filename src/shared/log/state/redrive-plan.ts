import { readShardCount } from "./read-shard-count.ts";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { DeadLetter } from "./dead-letters.ts";
import { HEADER } from "../../base/headers.ts";
import { sessionFilter } from "../schema/subjects.ts";
import { EVENTS_STREAM } from "../schema/topology.ts";
import { walk } from "../follow/walk.ts";

/** The fields of a dead letter that decide its place. A hundred thousand of these fit into memory; with their bodies they would not. */
export type ThinLetter = Pick<DeadLetter, "seq" | "id" | "origSeq" | "session">;

/** The order in which letters are sent, and which are removed without being sent. */
export type RedrivePlan = {
  /** One letter per event, in the order of the events in the log. */
  send: ThinLetter[];
  /** Older letters of the same events, because each event is sent only once. */
  drop: ThinLetter[];
};

/**
 * Orders dead letters so that those of one session keep their original order, in whatever order they died: by the place of each event's
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

/** Sessions that are checked, at one direct get each. With more, the answer is "at least". */
const MOST_SESSIONS = 1000;
/** Events of one session that are read at once. Usually the first one decides. */
const MOST_EVENTS = 100;
const PAGE = 4;

/**
 * Sessions whose order cannot be kept (ORDER-1): the log has later events than the first one to be redriven, and they were or will be delivered
 * before it. Events that are dead letters themselves do not count. Checks at most {@link MOST_SESSIONS} sessions.
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
  const shardCount = firsts.size === 0 ? 0 : await readShardCount(jsm);
  let looked = 0;
  for (const [session, first] of firsts) {
    if (looked++ === MOST_SESSIONS) return { sessions, all: false };
    let seen = 0;
    for await (const message of walk(
      jsm,
      EVENTS_STREAM,
      sessionFilter(session, shardCount),
      first + 1,
      PAGE,
    )) {
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
