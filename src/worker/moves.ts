import { randomBytes } from "node:crypto";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Agent, TurnAsked } from "../agents/agent.ts";
import type { Agents } from "../agents/named.ts";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { rest } from "../shared/base/rest.ts";
import type { Tracing } from "../shared/base/tracing.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import type { Session } from "../shared/session-log/registry/entry.ts";
import type { OwnerMove } from "../shared/session-log/turns/owner-move.ts";
import type { SessionState } from "../shared/session-log/turns/session-state.ts";
import type { TurnAgent } from "../guard/children.ts";
import { createArchive } from "./archive.ts";
import type { OwnerRoot } from "./roots/claim.ts";
import type { Entered } from "./roots/places.ts";
import { readRequest } from "./turn-request.ts";
import { runTurn, type TurnRun } from "./turn-run.ts";
import { startTurnSpan } from "./turn-span.ts";
import type { Voice } from "./voice.ts";

/** Does what the owner of a session has to do next. */
export type Moves = {
  /** False if it could not be said, or must not be any more. */
  make(move: OwnerMove, state: SessionState): Promise<boolean>;
  running(): TurnRun | undefined;
};

/** What the turns of a session run with. */
export type TurnHome = {
  agents: Agents;
  log: Logger;
  tracing: Tracing | undefined;
  /** Longest turn. */
  maxTurnMs: number;
  /** Takes the session's folder for a turn. */
  enter(epoch: number): Promise<Entered>;
  /** Lets the programs of an agent run in that folder for as long as the session is owned, with the credentials of the turn. `holder`: has its caller's token. */
  guarded(agent: Agent, folder: string, holder: string | undefined): TurnAgent;
};

export type MovesOf = {
  session: Session;
  home: TurnHome;
  voice: Voice;
  epoch: number;
  root: OwnerRoot | undefined;
  /** Monotonic time from which on nothing of an owner before still runs. */
  startAt: number;
  /** Called when a turn has ended. */
  ended: () => void;
};

type MovesDeps = { jsm: JetStreamManager; pages: Pages; clock: Clock; signal: AbortSignal };

export function createMoves(deps: MovesDeps, of: MovesOf): Moves {
  const { clock, signal } = deps;
  const { voice, epoch, home } = of;
  let running: TurnRun | undefined;

  async function say(kind: string, data: Record<string, unknown>, turn?: string): Promise<boolean> {
    return !signal.aborted && (await voice.say(kind, data, turn)).kind === "stored";
  }

  async function begin(state: SessionState, turn: string): Promise<boolean> {
    const { request, trace, holder } = await readRequest(deps, of.session, state.turns.get(turn)?.seq ?? 0);
    if (!(await say("turn_started", {}, turn)) || signal.aborted) return false;
    const found = await agentFor(of, holder);
    if (found.kind === "refused") {
      const { code, why: message } = found;
      home.log.warn({ session: of.session.name, turn, code, why: message }, "turn refused");
      return await say("turn_ended", { outcome: "failed", code, message }, turn);
    }
    if (signal.aborted) {
      found.leave();
      return false;
    }
    const span = startTurnSpan(home.tracing, { session: of.session.id, turn, epoch, trace });
    const session = sessionOf(of.session, found.folder);
    const asked = { session, turn, request, trace: span.trace, thread: state.thread, mode: state.mode };
    const archive = createArchive(deps, { session: of.session.name, turn, voice });
    const run = runTurn({ ...home, voice, clock, random: requestId, agent: found.agent, archive }, asked);
    running = run;
    const began = clock.now();
    void run.over.then((end) => {
      found.leave();
      const ms = Math.round(clock.now() - began);
      home.log.info({ session: of.session.name, turn, epoch, ...end, ms }, "turn ended");
      span.end(end);
      running = undefined;
      of.ended();
    });
    return true;
  }

  return {
    running: () => running,
    async make(move, state) {
      switch (move.kind) {
        case "own":
          // what the owner before started may still run for a moment
          if (state.epoch > 0) await rest(clock, Math.max(0, of.startAt - clock.now()), signal);
          return await say("owner", { epoch, ...of.root });
        case "void":
          return await say("permission_resolved", voided(move.request));
        case "end": {
          const { outcome, code } = move;
          return await say("turn_ended", { outcome, ...(code === undefined ? {} : { code }) }, move.turn);
        }
        case "start":
          return await begin(state, move.turn);
        case "run":
        case "wait":
          return true;
      }
    },
  };
}

/** Nobody waits for an answer to this question any more. */
function voided(request: string): Record<string, unknown> {
  return { request_id: request, allowed: false, resolved_by: "takeover" };
}

type Found =
  | { kind: "found"; agent: TurnAgent; folder: string; leave: () => void }
  | { kind: "refused"; code: string; why: string };

/** The agent that runs a session's turn, and the folder that it works in. */
async function agentFor({ session, home, epoch }: MovesOf, holder: string | undefined): Promise<Found> {
  const { agent: name } = session.record;
  const agent = home.agents.of(typeof name === "string" ? name : undefined);
  if (agent === undefined)
    return { kind: "refused", code: "agent_unknown", why: `this worker has no agent ${String(name)}` };
  const entered = await home.enter(epoch);
  if (entered.kind === "refused") return entered;
  const { folder, leave } = entered;
  return { kind: "found", agent: home.guarded(agent, folder, holder), folder, leave };
}

function sessionOf({ id, user, record }: Session, workspace: string): TurnAsked["session"] {
  const object = (value: unknown): Record<string, unknown> =>
    typeof value === "object" && value !== null ? { ...value } : {};
  const { metadata, options } = record;
  return { id, user, workspace, metadata: object(metadata), options: object(options) };
}

/** A name that nobody can guess, because a client that knows it can answer. */
function requestId(): string {
  return randomBytes(16).toString("base64url");
}
