import type { AGENT_TYPES } from "../shared/session-log/event/kinds.ts";

/** What an agent says in a turn. */
export type AgentType = (typeof AGENT_TYPES)[number];

/** A turn as an agent gets it. */
export type AgentTurn = {
  session: { id: string; user: string; workspace: string | undefined; metadata: Record<string, unknown> };
  turn: string;
  /** What the client sent with it: `user_input`, and whatever else it named. */
  request: Record<string, unknown>;
};

/** Where an agent reports. Everything is in the log, in this order, before the turn's end is. */
export type AgentEvents = {
  /** A piece of a text or of thoughts; pieces of one `block` may become one event. */
  piece(type: "text" | "thinking", block: string, text: string): void;
  tell(type: AgentType, data: Record<string, unknown>): void;
  /** Asks the user, and waits for as long as that takes. False when the turn ends before. */
  ask(data: Record<string, unknown>): Promise<boolean>;
};

/** How a turn ended. Whether it was cancelled is not for the agent to say. */
export type AgentEnd = { outcome: "finished" | "failed"; data?: Record<string, unknown> };

/** Runs turns of sessions. */
export type Agent = {
  /** Ends soon after `signal`. What it throws fails the turn. */
  run(turn: AgentTurn, events: AgentEvents, signal: AbortSignal): Promise<AgentEnd>;
};
