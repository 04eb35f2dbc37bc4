import type { Agent } from "../agents/agent.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { repeatedly } from "../shared/session-log/follow/repeatedly.ts";
import { leaseHolder } from "../shared/session-log/ownership/lease.ts";
import { patiently } from "../shared/session-log/patiently.ts";
import { sessionNamed } from "../shared/session-log/registry/find.ts";
import { parseSessionSubject } from "../shared/session-log/subjects.ts";
import { unfinishedSessions } from "../shared/session-log/turns/unfinished.ts";
import { ownSession, type OwnerDeps } from "./owner.ts";

/** Runs the turns of all sessions that no other worker has. */
export type Worker = {
  /** Leaves every session: what runs is ended as interrupted. */
  stop(): Promise<void>;
};

/** How often is looked for turns that nobody runs: those of workers that died, and of sessions that were left just as a turn came. */
const LOOK_MS = 1000;
/** How long a session is owned in which nothing happens. */
const IDLE_MS = 30_000;
/** Most sessions that are owned at once. Others wait. */
const MOST_OWNED = 256;

/** Starts a worker. Stop it before `deps.signal`, so that it can say what it left. */
export function startWorker(
  deps: OwnerDeps,
  of: { name: string; agent: Agent; log: Logger; maxBytes: number; idleMs?: number },
): Worker {
  const { jsm, hub, clock, signal } = deps;
  const { name: worker, agent, log, maxBytes, idleMs = IDLE_MS } = of;
  const owned = new Map<string, Promise<void>>();
  const stopping = new AbortController();

  async function attend(name: string): Promise<void> {
    const ask = <T>(question: () => Promise<T>): Promise<T> => patiently(question, { clock, signal });
    if ((await ask(() => leaseHolder(jsm, name))) !== undefined) return;
    const session = await ask(() => sessionNamed(jsm, name));
    if (session?.kind !== "worker" || stopping.signal.aborted) return;
    await ownSession(deps, session, { worker, agent, idleMs, maxBytes, signal: stopping.signal });
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
    const names = await unfinishedSessions(jsm).catch(() => []);
    for (const name of names) want(name);
  }

  const deafen = hub.hear(({ subject }) => {
    const address = parseSessionSubject(subject);
    if (address?.side === "in" && address.kind === "turn") want(address.session);
  });
  const rest = repeatedly(look, {
    pauseMs: LOOK_MS,
    clock,
    signal: AbortSignal.any([signal, stopping.signal]),
  });

  return {
    async stop() {
      rest();
      deafen();
      stopping.abort();
      await Promise.all(owned.values());
    },
  };
}
