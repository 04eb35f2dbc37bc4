import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { parseJsonWithin, QUESTION } from "../../base/json-scan.ts";
import { readKey, writeKey, type Key } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import { patiently } from "../patiently.ts";
import type { SeenLease } from "./lease-watch.ts";

/** A lease ends by itself after this time without a renewal. The broker counts whole seconds. */
const LEASE_SECONDS = 3;
const RENEW_MS = 1000;
/** How long the answer to a renewal is awaited: short, so that there is time for another one before the end. */
const PATIENCE_MS = 400;
/** Pause before a renewal is tried again that was not answered. */
const AGAIN_MS = 50;
/** Before the end of the lease by which its owner has stopped everything that it runs. */
const GUARD_MS = 500;
/** A new owner starts nothing for this long behind the end of a lease, if the one before may not know yet that its time is over. */
const SETTLE_MS = 1000;
/** How long it is remembered that an owner left of its own will. */
const LEFT_SECONDS = 60;

export type Lease = {
  /** Grows with every lease of the session: a part of its owner's term. */
  revision: number;
  /** Monotonic time from which on nothing of an owner before still runs. */
  startAt: number;
  /** Aborts when this process must not act as the owner any more. */
  lost: AbortSignal;
  /** Monotonic time by which everything must have stopped that runs for this owner, if no other renewal is stored. */
  until(): number;
  /** Calls `listener` when a renewal is stored, until the returned function is called. */
  onRenewed(listener: () => void): () => void;
  /** Gives it back; the next owner need not wait. */
  release(): Promise<void>;
};

export type LeaseDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  /** Makes the name by which a process knows its own writes. */
  random: () => string;
  signal: AbortSignal;
};

/** Is a lease over that was renewed last when this was seen? Pure. */
export function isOver({ at }: SeenLease, now: number): boolean {
  return now - at >= LEASE_SECONDS * 1000;
}

/**
 * Takes the lease of a session, and renews it until it is given back or lost. Undefined if another process has it. The broker takes up to a second longer than a lease lasts
 * to remove it; who has `seen` its last renewal need not wait for that.
 */
export async function acquireLease(
  deps: LeaseDeps,
  session: string,
  worker: string,
  seen?: SeenLease,
): Promise<Lease | undefined> {
  const { nc, jsm, clock, signal } = deps;
  const key = keyOf.lease(session);
  const value = new TextEncoder().encode(JSON.stringify({ worker, nonce: deps.random() }));
  const before = await patiently(() => readKey(jsm, key), { clock, signal });
  const sentAt = clock.now();
  const startAt = startOf(before, seen, sentAt);
  if (startAt === undefined) return undefined;
  const write = { key, value, revision: before?.revision ?? 0, ttlSeconds: LEASE_SECONDS };
  const written = await writeKey(nc, write).catch(() => "unknown" as const);
  if (written === "conflict") return undefined;
  const revision = written === "unknown" ? await ownRevision(deps, key, value) : written;
  if (revision === undefined) return undefined;
  return hold(deps, { key, value, revision, sentAt, startAt });
}

/** When an owner may start that takes the lease now; undefined if it may not take it. Pure. */
function startOf(before: Key | undefined, seen: SeenLease | undefined, now: number): number | undefined {
  if (before === undefined) return now + SETTLE_MS; // it ended by itself, just now for all that is known
  if (before.value === undefined) return now; // its owner had stopped by itself
  if (seen?.revision !== before.revision || !isOver(seen, now)) return undefined;
  return seen.at + LEASE_SECONDS * 1000 + SETTLE_MS;
}

/** The revision of our own write, if it is there. */
async function ownRevision(
  { jsm, clock, signal }: LeaseDeps,
  key: string,
  value: Uint8Array,
): Promise<number | undefined> {
  const found = await patiently(() => readKey(jsm, key), { clock, signal });
  return found?.value !== undefined && Buffer.compare(found.value, value) === 0 ? found.revision : undefined;
}

/** Keeps a lease alive. It lasts from when the last renewal that was stored was sent, because nobody knows how long that took. */
function hold(
  deps: LeaseDeps,
  taken: { key: string; value: Uint8Array; revision: number; sentAt: number; startAt: number },
): Lease {
  const { nc, clock } = deps;
  const { key, value, startAt } = taken;
  const lost = new AbortController();
  const renewed = new Set<() => void>();
  let until = 0;
  let { revision } = taken;
  let over = false;
  let cancelEnd = (): void => undefined;
  let cancelRenewal = (): void => undefined;

  function end(): void {
    over = true;
    cancelEnd();
    cancelRenewal();
    lost.abort();
  }

  function lasts(sentAt: number): void {
    until = sentAt + LEASE_SECONDS * 1000 - GUARD_MS;
    cancelEnd();
    cancelEnd = clock.after(until - clock.now(), end);
    for (const listener of renewed) listener();
  }

  async function renew(since?: number): Promise<void> {
    const sentAt = since ?? clock.now(); // of the first try that may be the one that was stored
    const write = { key, value, revision, ttlSeconds: LEASE_SECONDS, patienceMs: PATIENCE_MS };
    const written = await writeKey(nc, write).catch(() => undefined);
    // a conflict may be our own renewal, whose answer was lost
    const own =
      typeof written === "number" ? written : await ownRevision(deps, key, value).catch(() => undefined);
    if (over) return;
    if (own === undefined) return end();
    const stored = own !== revision;
    if (stored) lasts(sentAt);
    revision = own;
    cancelRenewal = clock.after(stored ? RENEW_MS : AGAIN_MS, () => void renew(stored ? undefined : sentAt));
  }

  lasts(taken.sentAt);
  cancelRenewal = clock.after(RENEW_MS, () => void renew());
  return {
    revision,
    startAt,
    lost: lost.signal,
    until: () => until,
    onRenewed(listener) {
      renewed.add(listener);
      return () => void renewed.delete(listener);
    },
    async release() {
      if (over) return;
      end();
      // if it was renewed just now or is lost, it ends by itself
      await writeKey(nc, { key, value: undefined, revision, ttlSeconds: LEFT_SECONDS }).catch(
        () => undefined,
      );
    },
  };
}

/** Who has a session, as the leader knows; undefined if nobody does. */
export async function leaseHolder(jsm: JetStreamManager, session: string): Promise<string | undefined> {
  const found = await readKey(jsm, keyOf.lease(session));
  const value = found?.value && parseJsonWithin(found.value, QUESTION);
  if (typeof value !== "object" || value === null || !("worker" in value)) return undefined;
  return typeof value.worker === "string" ? value.worker : undefined;
}
