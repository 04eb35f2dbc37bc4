import type { Readable, Writable } from "node:stream";
import type { AGENT_TYPES } from "../shared/session-log/event/kinds.ts";
import type { Thread } from "../shared/session-log/turns/fact.ts";

/** What an agent says in a turn. */
export type AgentType = (typeof AGENT_TYPES)[number];

/** A program that runs for a turn. */
export type AgentProcess = {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Settles when it has ended, and everything that it started in its turn. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Asks it to end, and kills it after `graceMs`, 5 s by default. */
  stop(graceMs?: number): void;
};

export type AgentCommand = {
  file: string;
  args: readonly string[];
  /** Variables beside those that every agent gets. */
  env?: Readonly<Record<string, string>>;
};

/** Starts a program in the turn's workspace. It ends with the turn, and with the worker's right to run it. */
export type SpawnAgent = (command: AgentCommand) => Promise<AgentProcess>;

/** What clients want of an agent in its turn. */
export type AgentWish = { kind: "input"; text: string } | { kind: "mode"; mode: string };

/** A turn as the log has it. */
export type TurnAsked = {
  session: {
    id: string;
    user: string;
    workspace: string | undefined;
    metadata: Record<string, unknown>;
    options: Record<string, unknown>;
  };
  turn: string;
  /** What the client sent with it: `user_input`, and whatever else it named. */
  request: Record<string, unknown>;
  /** W3C `traceparent` for what the agent does in the turn. */
  trace?: string | undefined;
  /** How an agent's back end knows the session, if an agent of that runner said so in a turn before. */
  thread: Thread | undefined;
  /** How much the agent may do unasked, if a client has said that. */
  mode: string | undefined;
};

/** A turn as an agent gets it. */
export type AgentTurn = TurnAsked & { spawn: SpawnAgent };

/** A part of what an agent's back end remembers of a conversation. */
export type ArchivePart = {
  /** Whose back end that is, and how it calls the conversation. */
  runner: string;
  thread: string;
  /** A conversation within it. */
  path?: string;
  text: string;
  /** The newest entry of the conversation, as its back end calls it. */
  mark?: string;
};

/** What back ends remember of a session's conversations, in its log, where no client sees it. */
export type Archive = {
  /** Adds a part. Resolves when it is in the log, in the order of the calls; rejects if it never will be. */
  add(part: ArchivePart): Promise<void>;
  /** The newest part; undefined if there is none. */
  newest(): Promise<ArchivePart | undefined>;
  /** All parts that the log still has, oldest first. */
  parts(): AsyncIterable<ArchivePart>;
};

/** Where an agent reports. Everything is in the log, in this order, before the turn's end is. */
export type AgentEvents = {
  /** A piece of a text or of thoughts; pieces of one `block` may become one event. */
  piece(type: "text" | "thinking", block: string, text: string): void;
  tell(type: AgentType, data: Record<string, unknown>): void;
  /** Resolves when the log takes more. An agent that may talk faster than the log stores waits for it before it reads on. */
  room(): Promise<void>;
  /** Asks the user, and waits for as long as that takes. Not allowed when the turn ends before. */
  ask(data: Record<string, unknown>): Promise<Answer>;
  /** Has `listener` called with what clients want from now on, and with what they wanted since the turn began. */
  hear(listener: (wish: AgentWish) => void): void;
  /** Undefined where nothing is kept of what a back end remembers. */
  archive?: Archive | undefined;
};

/** What a user decided. */
export type Answer = { allow: boolean; message?: string; remember?: boolean };

/** How a turn ended. Whether it was cancelled is not for the agent to say. */
export type AgentEnd = { outcome: "finished" | "failed"; data?: Record<string, unknown> };

/** Runs turns of sessions. */
export type Agent = {
  /** False: it starts none, so that no credentials of a turn are fetched. */
  programs?: boolean;
  /** Ends soon after `signal`. What it throws fails the turn. */
  run(turn: AgentTurn, events: AgentEvents, signal: AbortSignal): Promise<AgentEnd>;
};
