import type { Agents } from "../agents/named.ts";
import type { Logger } from "../shared/base/logger.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import type { PutDeps } from "../shared/session-log/append/put.ts";
import { watch, type WatchDeps } from "../shared/session-log/follow/watch.ts";
import type { SeenLease } from "../shared/session-log/ownership/lease-watch.ts";
import { acquireLease, type Lease } from "../shared/session-log/ownership/lease.ts";
import type { Session } from "../shared/session-log/registry/entry.ts";
import { factOf } from "../shared/session-log/turns/fact.ts";
import { ownerMove } from "../shared/session-log/turns/owner-move.ts";
import { advanceSession, NEW_SESSION, type SessionState } from "../shared/session-log/turns/session-state.ts";
import { createAttention } from "./attention.ts";
import { createMoves, type Moves, type TurnHome } from "./moves.ts";
import type { Claim } from "./roots/claim.ts";
import { createSessionRoom, type SessionRoom } from "./session-room.ts";
import type { PauseWatch } from "./pause-watch.ts";
import type { Places } from "./roots/places.ts";
import { withChildren, type TurnAgent } from "../guard/children.ts";
import type { GivenToPrograms, SpawnDeps } from "../guard/spawn-agent.ts";
import { withCredentials, type TurnCredentials } from "./turn-credentials.ts";
import { createVoice, type Voice } from "./voice.ts";

// moves.ts does what is next · voice.ts writes into the log, session-room.ts says how much may still be written · turn-run.ts runs an agent (questions.ts has what it asked,
// turn-request.ts what it is asked, archive.ts what its back end remembers, attention.ts what clients say meanwhile) in a folder of roots/, and its programs under guard/ with the credentials of the turn (turn-credentials.ts). What is next is decided in ../shared/session-log/turns; ../shared/session-log/ownership keeps
// others out
// The owner of a session follows its log as any watcher does, and acts only on what it saw there. What it says itself comes back to it the same way, so that it never acts on
// a state without its own last word.

export type OwnerDeps = WatchDeps & PutDeps & { random: () => string };

/** Why a process does not own a session any more. `taken`: it never did. */
export type OwnerEnd = "taken" | "left" | "lost" | "deleted";

export type OwnOptions = {
  /** The last renewal of the owner before, if it was seen. */
  seen?: SeenLease | undefined;
  /** For people who ask who owns it. */
  worker: string;
  agents: Agents;
  log: Logger;
  /** Undefined where traces are off. */
  tracing?: Tracing | undefined;
  places: Pick<Places, "enter">;
  spawn: SpawnDeps;
  /** Undefined where agents are given none. */
  credentials?: TurnCredentials | undefined;
  /** As it was decided: a session of another worker is owned only to end what nobody runs. */
  claim: Exclude<Claim, { kind: "leave" }>;
  /** How long a session is owned in which nothing happens. */
  idleMs: number;
  /** No turn begins while an operator paused them. What runs goes on. */
  pause: Pick<PauseWatch, "paused">;
  /** Most bytes of a session. */
  maxBytes: number;
  /** Longest turn. */
  maxTurnMs: number;
  signal: AbortSignal;
};

/** Owns a session until `signal`, or until nothing was to be done for a while, if no other process does: runs its turns in their order, and ends those that an owner before left. */
export async function ownSession(deps: OwnerDeps, session: Session, options: OwnOptions): Promise<OwnerEnd> {
  const lease = await acquireLease(deps, session.name, options.worker, options.seen);
  if (lease === undefined) return "taken";
  const space = createSessionRoom(deps, { session: session.name, maxBytes: options.maxBytes });
  const owner = createOwner({ ...deps, room: () => space.room() }, session, lease, options);
  const leaving = AbortSignal.any([options.signal, owner.idle]);
  const ending = AbortSignal.any([leaving, lease.lost, owner.gone]);
  let why: OwnerEnd = "lost";
  try {
    why = await follow(deps, { session, signal: ending }, owner, space);
  } catch (error) {
    if (!ending.aborted) throw error;
  } finally {
    if (leaving.aborted && !lease.lost.aborted && !owner.gone.aborted) why = "left";
    await owner.stop(why === "left" ? "interrupted" : "silent");
    await lease.release();
  }
  return why;
}

async function follow(
  deps: OwnerDeps,
  { session, signal }: { session: Session; signal: AbortSignal },
  owner: Owner,
  space: SessionRoom,
): Promise<OwnerEnd> {
  let state = NEW_SESSION;
  let caughtUp = false;
  for await (const item of watch(deps, { session: session.name, after: { seq: 0 }, signal, hidden: true })) {
    if (item.kind === "closed") return "deleted";
    if (item.kind === "reset") return "lost"; // what was known is of another log
    if (item.kind === "event") {
      space.take(item.event);
      state = advanceSession(state, factOf(item.event));
    }
    caughtUp ||= item.kind === "caught_up";
    if (caughtUp) owner.see(state);
  }
  return "lost";
}

type Owner = {
  /** What the log says by now. */
  see(state: SessionState): void;
  /** Aborts when the log shows that another process is the owner, or nothing can be written. */
  gone: AbortSignal;
  /** Aborts when nothing was to be done for a while. */
  idle: AbortSignal;
  stop(how: "silent" | "interrupted"): Promise<void>;
};

function createOwner(deps: OwnerDeps, session: Session, lease: Lease, options: OwnOptions): Owner {
  const { claim, idleMs, pause } = options;
  const home = homeOf(session, lease, options);
  const gone = new AbortController();
  const idle = new AbortController();
  let awake = (): void => undefined;
  const signal = AbortSignal.any([deps.signal, lease.lost, gone.signal]);
  const attend = createAttention({ ...deps, signal }, session);
  let latest = NEW_SESSION;
  let begun: { epoch: number; voice: Voice; moves: Moves } | undefined;
  let steps: Promise<void> = Promise.resolve();
  // at once, also while the broker is away and nobody reads the log
  lease.lost.addEventListener("abort", () => begun?.moves.running()?.leave("silent"), { once: true });

  function begin(state: SessionState): { epoch: number; voice: Voice; moves: Moves } {
    const epoch = Math.max(lease.revision, state.epoch + 1);
    const voice = createVoice(deps, { session, epoch, out: state.out });
    const { startAt } = lease;
    const of = { session, home, voice, epoch, root: claim.root, startAt, ended: step }; // its end may have been seen already
    return { epoch, voice, moves: createMoves({ ...deps, signal }, of) };
  }

  async function proceed(): Promise<boolean> {
    const state = latest;
    begun ??= begin(state);
    const { epoch, voice, moves } = begun;
    const running = moves.running();
    if (state.epoch > epoch) return false;
    if (running !== undefined) attend(running, state);
    if (running !== undefined || state.out.seq < voice.last()) return true;
    const start = claim.kind === "run" && !pause.paused();
    const move = ownerMove(state, { epoch, start, now: deps.clock.wall() });
    if (move.kind === "wait") awake = deps.clock.after(start ? idleMs : 0, () => idle.abort());
    return await moves.make(move, state);
  }

  /** One after the other, each with what is known by then. */
  function step(): void {
    steps = steps.then(async () => {
      awake();
      const done = signal.aborted || (await proceed().catch(() => false));
      if (!done) gone.abort();
    });
  }

  return {
    see(state) {
      latest = state;
      step();
    },
    gone: gone.signal,
    idle: idle.signal,
    async stop(how) {
      gone.abort();
      await steps;
      awake();
      const run = begun?.moves.running();
      run?.leave(how);
      await run?.over;
    },
  };
}

/** What the turns of a session run with, for as long as `lease` holds. */
function homeOf(
  session: Session,
  lease: Lease,
  { agents, log, tracing, places, spawn, credentials, maxTurnMs }: OwnOptions,
): TurnHome {
  return {
    agents,
    log,
    tracing,
    maxTurnMs,
    enter: (epoch) => places.enter(session, epoch),
    guarded(agent, folder, holder) {
      const agentWith = (given?: GivenToPrograms): TurnAgent =>
        withChildren(spawn, agent, { hold: lease, folder, given });
      if (credentials === undefined || agent.programs === false) return agentWith();
      return withCredentials(credentials, { session, options: optionsOf(session), holder }, agentWith);
    },
  };
}

function optionsOf({ record }: Session): Record<string, unknown> {
  const { options } = record;
  return typeof options === "object" && options !== null ? { ...options } : {};
}
