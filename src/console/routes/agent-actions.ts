import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { codedError } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { PutDeps } from "../../shared/session-log/append/put.ts";
import { cancelTurn, decide } from "../../shared/session-log/turns/request.ts";
import type { Action } from "../views/confirm.ts";
import { href } from "../views/layout.ts";
import type { AgentPage, AgentSessions } from "../watch/agent-sessions.ts";
import type { Done } from "./done.ts";
import { agentOf } from "./parameters.ts";

/** What an operator does to an agent session, as an address or a form says it. */
export type AgentTarget = {
  agent: string | undefined;
  request: string | undefined;
  turn: string | undefined;
};

export const AGENT_ACTIONS = ["allow", "deny", "stop"] as const;
export type AgentAction = (typeof AGENT_ACTIONS)[number];

export type AgentActs = {
  /** What is to be confirmed. Throws `usage` or `nothing_found`. */
  about(action: AgentAction, target: AgentTarget): Promise<Action>;
  /** Does it. Throws the same, and what the broker throws. */
  carryOut(action: AgentAction, target: AgentTarget, text: string): Promise<Done>;
};

type Deps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  agents: AgentSessions;
};

/** Who acts, in the console's log. */
const BY = "status page";
/** How long the broker may take. */
const PATIENCE_MS = 5000;

/** Answers questions of agents and stops turns, as serve does it, with the console's own login (ADR 0037). */
export function createAgentActs({ nc, jsm, clock, log, agents }: Deps): AgentActs {
  async function target(action: AgentAction, { agent, request, turn }: AgentTarget): Promise<Wanted> {
    const page = await agents.page(agentOf(agent), { size: 1 });
    if (page === undefined)
      throw codedError("nothing_found", "This session is gone: it was deleted meanwhile.");
    if (action === "stop") {
      if (turn === undefined || page.activity.running?.turn !== turn)
        throw codedError("nothing_found", "This turn does not run any more.");
      return { action, page, turn };
    }
    const question = page.questions.find((it) => it.request === request);
    if (question === undefined)
      throw codedError(
        "nothing_found",
        "This question is not open any more: it was answered, or its turn ended.",
      );
    return { action, page, question };
  }

  return {
    async about(action, of) {
      const { page, ...wanted } = await target(action, of);
      const { name, id, user } = page.session;
      return { ...wanted, agent: { name, id, user } };
    },
    async carryOut(action, of, text) {
      const wanted = await target(action, of);
      const { session } = wanted.page;
      const room = (): number => Infinity; // both are urgent, and fit into a full log
      const deps: PutDeps = { nc, jsm, clock, room, signal: AbortSignal.timeout(PATIENCE_MS) };
      const path = href("/agent", { name: session.name });
      const said = text === "" ? {} : { message: text };
      if (wanted.action === "stop") {
        await cancelTurn(deps, session, wanted.turn, text === "" ? "an operator stopped it" : text);
        log.warn({ session: session.name, turn: wanted.turn, by: BY }, "an operator stopped a turn");
        return { path, notice: { mood: "good", text: "The turn is being stopped." } };
      }
      const { request } = wanted.question;
      const allow = wanted.action === "allow";
      const { kind } = await decide(deps, session, request, { allow, ...said });
      log.warn({ session: session.name, request, allow, kind, by: BY }, "an operator answered a question");
      return kind === "accepted"
        ? { path, notice: { mood: "good", text: allow ? "The agent may do it." : "The agent was refused." } }
        : { path, notice: { mood: "bad", text: "Somebody else answered first; that answer counts." } };
    },
  };
}

type Wanted = { page: AgentPage } & (
  | { action: "stop"; turn: string }
  | { action: "allow" | "deny"; question: AgentPage["questions"][number] }
);
