import type { Agents } from "../agents/named.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import { leaseHolder } from "../shared/session-log/ownership/lease.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import { patiently } from "../shared/session-log/patiently.ts";
import { sessionNamed } from "../shared/session-log/registry/find.ts";
import type { SpawnDeps } from "../guard/spawn-agent.ts";
import type { TurnCredentials } from "./turn-credentials.ts";
import { keepLookOut, type Sighting } from "./look-out.ts";
import { ownSession, type OwnerDeps } from "./owner.ts";
import { watchPause } from "./pause-watch.ts";
import type { Places } from "./roots/places.ts";

/** Runs the turns of all sessions that no other worker has. */
export type Worker = {
  /** Leaves every session: what runs is ended as interrupted. */
  stop(): Promise<void>;
};

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
  /** Undefined where agents are given none. */
  credentials?: TurnCredentials | undefined;
  log: Logger;
  /** Undefined where traces are off. */
  tracing?: Tracing | undefined;
  /** Most bytes of a session. */
  maxBytes: number;
  /** Longest turn. */
  maxTurnMs: number;
  idleMs?: number;
};

/** Starts a worker. Stop it before `deps.signal`, so that it can say what it left. */
export function startWorker(deps: OwnerDeps & { keys: Pages }, of: WorkerOptions): Worker {
  const { jsm, clock, signal } = deps;
  const { name: worker, places, log, idleMs = IDLE_MS } = of;
  const owned = new Map<string, Promise<void>>();
  /** Sessions of other workers, and when each is looked at again. */
  const left = new Map<string, number>();
  const stopping = new AbortController();
  const until = AbortSignal.any([signal, stopping.signal]);
  const pause = watchPause({ jsm, clock, signal: until }, () => left.clear());

  async function attend(name: string, { seen, dead }: Sighting): Promise<void> {
    const ask = <T>(question: () => Promise<T>): Promise<T> => patiently(question, { clock, signal });
    if (!dead && (await ask(() => leaseHolder(jsm, name))) !== undefined) return;
    const session = await ask(() => sessionNamed(jsm, name));
    if (session?.kind !== "worker" || stopping.signal.aborted) return;
    const own = await ask(() => places.claim(session));
    await pause.known;
    // a paused session is owned for a moment, so that what is cancelled ends
    const claim = own.kind === "run" && pause.paused() ? { ...own, kind: "tidy" as const } : own;
    if (claim.kind !== "run") left.set(name, clock.now() + (claim.kind === "tidy" ? TIDY_MS : LEAVE_MS));
    if (claim.kind === "leave") return;
    const options = { ...of, worker, claim, seen, idleMs, pause, signal: stopping.signal };
    const why = await ownSession(deps, session, options);
    if (why === "deleted") of.credentials?.kept.forget(name);
  }

  /** Takes a session, if nobody has it. */
  function want(name: string, sighting: Sighting): void {
    if (sighting.called) left.delete(name);
    if (stopping.signal.aborted || owned.has(name) || owned.size >= MOST_OWNED) return;
    const over = attend(name, sighting)
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ session: name, error: errorText(error) }, "a session was given up");
      })
      .finally(() => owned.delete(name));
    owned.set(name, over);
  }

  function isKnown(name: string): boolean {
    const again = left.get(name);
    if (again !== undefined && clock.now() >= again) left.delete(name);
    return owned.has(name) || left.has(name);
  }

  const rest = keepLookOut({ ...deps, signal: until }, { isKnown, want });
  return {
    async stop() {
      rest();
      stopping.abort();
      places.stop();
      await Promise.all(owned.values());
    },
  };
}
