import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { encodeHeld, type HeldPlace } from "./held.ts";
import type { LogCheck } from "./log-check.ts";
import { sessionToken } from "../schema/session-id.ts";
import { readLast, writeState } from "./state-store.ts";
import { stateKey } from "../schema/topology.ts";

/** A record that says that a session is held. A deletion of its pointer before revision `since` was about an earlier hold. */
export type HeldClaim = { place: HeldPlace; since: number };

/**
 * Which sessions are held, according to the log's mark and to the checkpoint of each shard, which counts their events as settled. A mark also repeats what
 * another relay reported, so it can be newer than a deletion that it does not know of. Pure.
 */
export function claimsOf({
  mark,
  checkpoints,
  log,
}: Pick<LogCheck, "mark" | "checkpoints" | "log">): HeldClaim[] {
  const marked = mark?.mark.created === log.created ? (mark.mark.held ?? []) : [];
  const settled = checkpoints.flatMap((it) =>
    it?.checkpoint.stream === log.created
      ? (it.checkpoint.held ?? []).map((place) => ({ place, since: it.revision }))
      : [],
  );
  return [...claimed(marked), ...settled];
}

/** Claims that any deletion of the pointer refutes. Pure. */
export function claimed(places: readonly HeldPlace[]): HeldClaim[] {
  return places.map((place) => ({ place, since: 0 }));
}

/** Joins several claims for one session: the lowest place and the newest time count, because repeating an event is better than losing it. Pure. */
export function joined(claims: readonly HeldClaim[]): HeldClaim[] {
  const found = new Map<string, HeldClaim>();
  for (const claim of claims) {
    const [session, from, reason] = claim.place;
    const other = found.get(session);
    const lowest = Math.min(from, other?.place[1] ?? from);
    found.set(session, { place: [session, lowest, reason], since: Math.max(claim.since, other?.since ?? 0) });
  }
  return [...found.values()];
}

/** Was the pointer of a claim lost? `last` is what the bucket has under its key, undefined for nothing. Pure. */
export function isLost(claim: HeldClaim, last: { seq: number; deleted: boolean } | undefined): boolean {
  return last === undefined || (last.deleted && last.seq < claim.since);
}

/**
 * Writes lost pointers again. Events of a held session are acknowledged, so without its pointer they would never be sent. A pointer that ended in order left a
 * deletion behind; one that was lost left nothing, or the deletion of an earlier pointer. It is written with the place that was seen last, so that events
 * that were sent since then are sent again, with their keys. Returns the sessions.
 */
export async function restorePointers(
  { nc, jsm, wall }: { nc: NatsConnection; jsm: JetStreamManager; wall: () => number },
  claims: readonly HeldClaim[],
): Promise<string[]> {
  const lost: string[] = [];
  for (const claim of joined(claims)) {
    const [session, from, reason] = claim.place;
    const key = stateKey.held(sessionToken(session));
    const message = await readLast(jsm, key);
    const last =
      message === null ? undefined : { seq: message.seq, deleted: message.header.has("KV-Operation") };
    if (!isLost(claim, last)) continue;
    const text = "its pointer was lost and written again";
    const record = { v: 1, session, from, reason, text, since: wall() } as const;
    if (await writeState(nc, key, encodeHeld(record), last?.seq ?? 0)) lost.push(session);
  }
  return lost;
}
