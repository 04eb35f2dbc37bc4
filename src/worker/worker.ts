import type { Agents } from "../agents/named.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { repeatedly } from "../shared/session-log/follow/repeatedly.ts";
import { createLeaseWatch } from "../shared/session-log/ownership/lease-watch.ts";
import { isOver, leaseHolder } from "../shared/session-log/ownership/lease.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import { patiently } from "../shared/session-log/patiently.ts";
import { sessionNamed } from "../shared/session-log/registry/find.ts";
import { parseSessionSubject } from "../shared/session-log/subjects.ts";
import { unfinishedSessions } from "../shared/session-log/turns/unfinished.ts";
import type { SpawnDeps } from "./guard/spawn-agent.ts";
import { ownSession, type OwnerDeps } from "./owner.ts";
import type { Places } from "./roots/places.ts";

/** Runs the turns of all sessions that no other worker has. */
export type Worker = {
  /** Leaves every session: what runs is ended as interrupted. */
  stop(): Promise<void>;
};

/** How often is looked for turns that nobody runs: those of workers that died, and of sessions that were left just as a turn came. */
const LOOK_MS = 1000;
/** How often the leases of others are looked at that have such turns: a dead one is known that much later. */
const LEASES_MS = 250;
/** How long a session is owned in which nothing happens. */
const IDLE_MS = 30_000;
/** Most sessions that are owned at once. Others wait. */
const MOST_OWNED = 256;

/** How long a session of another worker is left alone that was looked at: until a turn or a cancel of it comes. */
const LEAVE_MS = 5000;
/** The same behind a look that ended what nobody ran. What waits is looked at again for its age. */
const TIDY_MS: number = 60 * 60 * 1000;

export type WorkerOptions = {
  name: string;
  agents: Agents;
  places: Places;
  spawn: SpawnDeps;
  log: Logger;
  /** Most bytes of a session. */
  maxBytes: number;
  idleMs?: number;
};

/** Starts a worker. Stop it before `deps.signal`, so that it can say what it left. */
export function startWorker(deps: OwnerDeps & { keys: Pages }, of: WorkerOptions): Worker {
  const { jsm, hub, clock, signal } = deps;
  const { name: worker, places, log, idleMs = IDLE_MS } = of;
  const owned = new Map<string, Promise<void>>();
  /** Sessions of other workers, and when each is looked at again. */
  const left = new Map<string, number>();
  const leases = createLeaseWatch(deps);
  /** Sessions with turns that have not ended, as they were looked for last. */
  let unfinished: string[] = [];

  const isDead = (name: string): boolean => {
    const seen = leases.seen(name);
    return seen !== undefined && isOver(seen, clock.now());
  };
  const stopping = new AbortController();

  async function attend(name: string): Promise<void> {
    const ask = <T>(question: () => Promise<T>): Promise<T> => patiently(question, { clock, signal });
    if (!isDead(name) && (await ask(() => leaseHolder(jsm, name))) !== undefined) return;
    const session = await ask(() => sessionNamed(jsm, name));
    if (session?.kind !== "worker" || stopping.signal.aborted) return;
    const claim = await ask(() => places.claim(session));
    if (claim.kind !== "run") left.set(name, clock.now() + (claim.kind === "tidy" ? TIDY_MS : LEAVE_MS));
    if (claim.kind === "leave") return;
    const seen = leases.seen(name);
    await ownSession(deps, session, { ...of, worker, claim, seen, idleMs, signal: stopping.signal });
  }

  /** Takes a session, if nobody has it. */
  function want(name: string): void {
    if (stopping.signal.aborted || owned.has(name) || owned.size >= MOST_OWNED) return;
    const over = attend(name)
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ session: name, error: errorText(error) }, "a session was given up");
      })
      .finally(() => owned.delete(name));
    owned.set(name, over);
  }

  async function look(): Promise<void> {
    // a broker that is away is asked again the next time
    unfinished = await unfinishedSessions(jsm).catch(() => []);
    await leases.look().catch(() => undefined); // so that it is known when the lease is over of a session whose next turn comes later
    const now = clock.now();
    for (const [name, again] of left) if (now >= again) left.delete(name);
    for (const name of unfinished) if (!left.has(name)) want(name);
  }

  /** Takes the sessions of workers that died, as soon as their leases are over. */
  async function lookAtLeases(): Promise<void> {
    const others = unfinished.filter((name) => !owned.has(name) && !left.has(name));
    if (others.length === 0) return;
    await leases.look().catch(() => undefined);
    for (const name of others) if (isDead(name)) want(name);
  }

  const deafen = hub.hear(({ subject }) => {
    const address = parseSessionSubject(subject);
    if (address?.side !== "in" || (address.kind !== "turn" && address.kind !== "cancel")) return;
    left.delete(address.session);
    want(address.session);
  });
  const until = AbortSignal.any([signal, stopping.signal]);
  const rests = [
    repeatedly(look, { pauseMs: LOOK_MS, clock, signal: until }),
    repeatedly(lookAtLeases, { pauseMs: LEASES_MS, clock, signal: until }),
  ];

  return {
    async stop() {
      for (const rest of rests) rest();
      deafen();
      stopping.abort();
      places.stop();
      await Promise.all(owned.values());
    },
  };
}
