import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { encodeHeld, type HeldPlace } from "./held.ts";
import type { LogCheck } from "./log-check.ts";
import { sessionToken } from "../schema/session-id.ts";
import { writeState } from "./state-store.ts";
import { STATE_STREAM, STATE_BUCKET, stateKey } from "../schema/topology.ts";

/** Something says that a session is held. A deletion of its pointer that is older than `since` (a revision) is that of an earlier time. */
export type HeldClaim = { place: HeldPlace; since: number };

/**
 * Who says which sessions are held: the log's mark, and of each shard the checkpoint that counts their events as settled. A mark also carries over what another
 * relay told, so that it may be newer than a deletion it does not know of. Pure.
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

/** Claims that any deletion answers. Pure. */
export function claimed(places: readonly HeldPlace[]): HeldClaim[] {
  return places.map((place) => ({ place, since: 0 }));
}

/** Of several claims for one session the lowest place and the newest time count: rather repeated than lost. Pure. */
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

/** What the bucket has under a pointer's key: undefined for nothing. Pure. */
export function isLost(claim: HeldClaim, last: { seq: number; deleted: boolean } | undefined): boolean {
  return last === undefined || (last.deleted && last.seq < claim.since);
}

/**
 * Events of a held session are acknowledged, so without its pointer nobody would ever send them. A pointer that ended in order left a deletion behind; of one
 * that was lost nothing is there, or the deletion of an earlier one. It is written again, at the place that was seen last: what was sent since comes again, with
 * its key. Returns the sessions.
 */
export async function restorePointers(
  { nc, jsm, wall }: { nc: NatsConnection; jsm: JetStreamManager; wall: () => number },
  claims: readonly HeldClaim[],
): Promise<string[]> {
  const lost: string[] = [];
  for (const claim of joined(claims)) {
    const [session, from, reason] = claim.place;
    const key = stateKey.held(sessionToken(session));
    const message = await jsm.direct.getMessage(STATE_STREAM, { last_by_subj: `$KV.${STATE_BUCKET}.${key}` });
    const last =
      message === null ? undefined : { seq: message.seq, deleted: message.header.has("KV-Operation") };
    if (!isLost(claim, last)) continue;
    const text = "its pointer was lost and written again";
    const record = { v: 1, session, from, reason, text, since: wall() } as const;
    if (await writeState(nc, key, encodeHeld(record), last?.seq ?? 0)) lost.push(session);
  }
  return lost;
}
