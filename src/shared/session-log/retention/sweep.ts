import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import type { Leader, LogEnd } from "../follow/leader.ts";
import type { Pages } from "../follow/pages.ts";
import { patiently } from "../patiently.ts";
import { writeKey } from "../state/bucket.ts";
import { keyOf, keySubject } from "../state/keys.ts";
import { kindFilters } from "../subjects.ts";
import { SESSIONS_STREAM, SESSIONS_SUBJECT } from "../topology.ts";
import { dueOf, type Due, type RetentionLimits } from "./due.ts";
import { erase, PURGE_PAUSE_MS } from "./erase.ts";
import { heldEvents } from "./held-events.ts";
import { hold, NOTHING_HELD, released, type Holding } from "./holding.ts";

// due.ts decides what goes of a session, from what holding.ts remembers of it · held-events.ts reads that off the log · erase.ts removes a deleted session ·
// chore.ts does both for as long as a process runs
// The sweep reads each event of the log once, slowly, and remembers some blocks per session. A removal stalls appends (61 ms for a session that lies all over the log), so
// that there is a pause behind each.

export type SweepDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  pages: Pages;
  /** Pages of the bucket. */
  keys: Pages;
  leader: Leader;
  clock: Clock;
  limits: RetentionLimits;
  /** Ends a sweep where it is. */
  signal: AbortSignal;
};

export type Swept = { sessions: number; events: number };

export type Sweep = {
  /** Looks through all sessions once. What was read before is not read again. */
  round(): Promise<Swept>;
};

/** Pause behind a page of the log. */
const PAGE_PAUSE_MS = 10;

/** Makes the sweep of a process. */
export function createSweep(deps: SweepDeps): Sweep {
  const { leader, clock, limits, signal } = deps;
  const holdings = new Map<string, Holding>();
  let known: Pick<LogEnd, "last" | "log"> = { last: 0, log: "" };

  async function round(): Promise<Swept> {
    const end = await leader.end();
    if (end.log !== known.log || end.last < known.last) holdings.clear(); // another log, or one that was restored
    await read(deps, holdings.size === 0 ? 1 : known.last + 1, end.last, (session, events) =>
      holdings.set(session, hold(holdings.get(session) ?? NOTHING_HELD, events)),
    );
    known = end;
    const deleted = await readDeleted(deps);
    const swept: Swept = { sessions: 0, events: 0 };
    for (const [session, holding] of holdings) {
      signal.throwIfAborted();
      if (deleted.has(session)) {
        holdings.delete(session);
        continue;
      }
      const due = dueOf(holding, limits, clock.wall());
      if (due === undefined) continue;
      swept.events += await remove(deps, session, due);
      swept.sessions++;
      holdings.set(session, released(holding, due.floor));
    }
    for (const session of deleted) swept.events += await erase(deps, session);
    return swept;
  }

  return { round };
}

/** Reads the log up to `to`, page by page. */
async function read(
  { pages, clock, signal }: SweepDeps,
  from: number,
  to: number,
  take: (session: string, events: Parameters<typeof hold>[1]) => void,
): Promise<void> {
  for (let at = from; at <= to;) {
    const { events, more } = await patiently(() => pages.read(SESSIONS_SUBJECT, at), { clock, signal });
    for (const [session, held] of heldEvents(events)) take(session, held);
    at = (events.at(-1)?.seq ?? at) + 1;
    if (!more) return;
    await rest(clock, PAGE_PAUSE_MS, signal);
  }
}

/** Names of the sessions that have a tombstone. */
async function readDeleted({ keys, clock, signal }: SweepDeps): Promise<Set<string>> {
  const deleted = new Set<string>();
  for (let at = 1; ;) {
    const filter = keySubject(keyOf.tombstone("*"));
    const { events, more } = await patiently(() => keys.read(filter, at), { clock, signal });
    for (const { subject, seq, data } of events) {
      at = seq + 1;
      if (data.length > 0) deleted.add(subject.split(".").at(-1) ?? "");
    }
    if (!more) return deleted;
  }
}

/** Removes what is due of a session. The floor is first, so that no watcher misses it without a word. */
async function remove(deps: SweepDeps, session: string, { floor, kinds }: Due): Promise<number> {
  const { nc, jsm, leader, clock, signal } = deps;
  if ((await leader.floorOf(session)) < floor)
    await writeKey(nc, { key: keyOf.floor(session), value: new TextEncoder().encode(String(floor)) });
  let removed = 0;
  for (const { kind, below: seq } of kinds)
    for (const filter of kindFilters(session, kind)) {
      const { purged } = await jsm.streams.purge(SESSIONS_STREAM, { filter, seq });
      removed += purged;
      if (purged > 0) await rest(clock, PURGE_PAUSE_MS, signal);
    }
  return removed;
}
