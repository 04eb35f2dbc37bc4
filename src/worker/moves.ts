import { randomBytes } from "node:crypto";
import type { Agent } from "../agents/agent.ts";
import type { Clock } from "../shared/base/clock.ts";
import { rest } from "../shared/base/rest.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import { SETTLE_MS } from "../shared/session-log/ownership/lease.ts";
import type { Session } from "../shared/session-log/registry/entry.ts";
import type { OwnerMove } from "../shared/session-log/turns/owner-move.ts";
import type { SessionState } from "../shared/session-log/turns/session-state.ts";
import { readRequest } from "./turn-request.ts";
import { runTurn, type TurnRun } from "./turn-run.ts";
import type { Voice } from "./voice.ts";

/** Does what the owner of a session has to do next. */
export type Moves = {
  /** False if it could not be said, or must not be any more. */
  make(move: OwnerMove, state: SessionState): Promise<boolean>;
  running(): TurnRun | undefined;
};

/** `clean`: nothing of an owner before still runs. `ended` is called when a turn has. */
export function createMoves(
  deps: { pages: Pages; clock: Clock; signal: AbortSignal },
  of: { session: Session; agent: Agent; voice: Voice; epoch: number; clean: boolean; ended: () => void },
): Moves {
  const { clock, signal } = deps;
  const { session, voice, epoch } = of;
  let running: TurnRun | undefined;

  async function say(kind: string, data: Record<string, unknown>, turn?: string): Promise<boolean> {
    return !signal.aborted && (await voice.say(kind, data, turn)).kind === "stored";
  }

  async function begin(state: SessionState, turn: string): Promise<boolean> {
    const request = await readRequest(deps, session, state.turns.get(turn)?.seq ?? 0);
    if (!(await say("turn_started", {}, turn)) || signal.aborted) return false;
    const { id, user, record } = session;
    const workspace = typeof record["workspace_dir"] === "string" ? record["workspace_dir"] : undefined;
    const asked = { session: { id, user, workspace, metadata: {} }, turn, request };
    running = runTurn({ agent: of.agent, voice, clock, random: requestId }, asked);
    void running.over.then(() => {
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
          if (!of.clean && state.epoch > 0) await rest(clock, SETTLE_MS, signal);
          return await say("owner", { epoch });
        case "void": {
          const resolved = { request_id: move.request, allowed: false, resolved_by: "takeover" };
          return await say("permission_resolved", resolved);
        }
        case "end":
          return await say("turn_ended", { outcome: move.outcome }, move.turn);
        case "start":
          return await begin(state, move.turn);
        case "run":
        case "wait":
          return true;
      }
    },
  };
}

/** A name that nobody can guess, because a client that knows it can answer. */
function requestId(): string {
  return randomBytes(16).toString("base64url");
}
