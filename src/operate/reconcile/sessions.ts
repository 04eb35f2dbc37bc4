import type { JetStreamManager } from "@nats-io/jetstream";
import { parseEventSubject } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";

/** Most events that one pass keeps in memory, about 250 bytes each. */
const MOST_AT_ONCE = 200_000;

/**
 * The sessions of a partition in groups that are small enough for what a pass gathers to fit into memory. With a start sequence, only sessions
 * that have an event from there on.
 */
export async function sessionGroups(
  jsm: JetStreamManager,
  partition: string,
  from: number,
): Promise<Set<string>[]> {
  const { state } = await jsm.streams.info(EVENTS_STREAM, { subjects_filter: `rr.ev.${partition}.>` });
  const counts = new Map<string, number>();
  for (const [subject, count] of Object.entries(state.subjects ?? {})) {
    const session = parseEventSubject(subject)?.session;
    if (session !== undefined) counts.set(session, (counts.get(session) ?? 0) + count);
  }
  const wanted = from <= state.first_seq ? undefined : await sessionsFrom(jsm, partition, from);
  return groupsOf(counts, MOST_AT_ONCE, wanted);
}

/** Divides sessions into groups of at most `most` events. A session that has more is a group of its own. Pure. */
export function groupsOf(
  counts: ReadonlyMap<string, number>,
  most: number,
  wanted?: ReadonlySet<string>,
): Set<string>[] {
  const groups: Set<string>[] = [];
  let room = 0;
  for (const [session, count] of counts) {
    if (wanted !== undefined && !wanted.has(session)) continue;
    if (groups.length === 0 || count > room) {
      groups.push(new Set());
      room = most;
    }
    groups.at(-1)?.add(session);
    room -= count;
  }
  return groups;
}

async function sessionsFrom(jsm: JetStreamManager, partition: string, from: number): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { subject } of walk(jsm, EVENTS_STREAM, `rr.ev.${partition}.*.*.*`, from)) {
    const session = parseEventSubject(subject)?.session;
    if (session !== undefined) found.add(session);
  }
  return found;
}
