import type { AgentType, Archive, SpawnAgent } from "./agent.ts";

/** How much an agent may do unasked: 0 asks, 1 edits files unasked, 2 does everything unasked. */
export type ApprovalChoice = 0 | 1 | 2;

/** What an agent puts out in a turn. */
export type Output =
  /** A part of a text or of thoughts, as the model says it. Parts of one `block` belong together. */
  | { kind: "piece"; of: "text" | "thinking"; block: string; text: string }
  /** A whole text, or whole thoughts. Nothing, if its block came in pieces. */
  | { kind: "text" | "thinking"; block: string; text: string }
  | { kind: "tool_call"; id: string; name: string; input: unknown }
  | { kind: "tool_result"; id: string; name?: string; content: string; isError: boolean }
  /** One answer of the model, with what its tools said, is over. */
  | { kind: "iteration"; stopReason: string | null }
  /** What the turn came to, said once, at its end: a text, or the data that a schema asked for. */
  | { kind: "final"; text: string; data?: unknown }
  /** Anything else, as it is shown to clients. */
  | { kind: "other"; type: AgentType; data: Record<string, unknown> };

/** What a runner says of a turn: the callbacks of its protocol. */
export type RunnerEvent =
  | { type: "output"; output: Output }
  /** `threadId`: by which the back end finds the conversation again. */
  | { type: "header"; title?: string; model?: string; provider?: string; threadId?: string }
  /** `recoverable`: the turn goes on. */
  | { type: "error"; code: string; message: string; recoverable?: boolean; details?: Record<string, unknown> }
  | { type: "exit"; exitCode: number | null }
  /** The turn is over, and the agent would take the next one. `reason`: why, if that is not that it has answered. */
  | { type: "awaiting_input"; reason?: string }
  | { type: "metadata"; key: string; value: unknown }
  | { type: "heartbeat"; elapsedS: number; done: boolean }
  | ({ type: "permission_request"; requestId: string } & Asked)
  | ({ type: "permission_resolved"; requestId: string; resolvedBy: string } & Decision);

/** What an agent wants to do. */
export type Asked = {
  toolName: string;
  toolInput: unknown;
  /** The tool changes files of the workspace, and does nothing else. */
  edits?: boolean;
  toolUseId?: string;
  /** For people. */
  title?: string;
};

/** What a rule says of that. */
export type Ruling = "allow" | "ask" | "deny";

export type Decision = {
  allow: boolean;
  /** For the agent. */
  message?: string;
};

/** What a runner says by itself. Questions are asked by {@link RunnerSession.ask}; the worker reports their answers. */
export type Reported = Exclude<RunnerEvent, { type: "permission_request" | "permission_resolved" }>;

/** A session in one of its turns, as a runner gets it. The same object names the turn until it is over. */
export type RunnerSession = {
  id: string;
  user: string;
  /** Folder in which the agent works. */
  workspace: string | undefined;
  metadata: Readonly<Record<string, unknown>>;
  /** What its maker wants of the agent. */
  options: Readonly<Record<string, unknown>>;
  turn: string;
  /** What the client sent with the turn. */
  request: Readonly<Record<string, unknown>>;
  /** W3C `traceparent` for what is done in the turn. */
  trace?: string | undefined;
  /** By which the back end knows the conversation, if it was said in a turn before. */
  threadId: string | undefined;
  spawn: SpawnAgent;
  /** Everything is in the log, in this order, before the turn's end is. Nothing is said of a turn that is over. */
  emit(event: Reported): void;
  /** Asks whether the agent may do something, and waits for as long as that takes. Not allowed when the turn ends before. */
  ask(asked: Asked): Promise<Decision>;
  /** Rules for tools that the session has; undefined without any. What they say of a wish is undefined if none is for it. */
  ruling: ((asked: Asked) => Ruling | undefined) | undefined;
  /** Resolves when the log takes more. */
  room(): Promise<void>;
  /** Keeps what the back end remembers, so that another machine can go on with the conversation. Undefined where nothing is kept. */
  archive?: Archive | undefined;
};

/** Runs the turns of sessions with one kind of agent. */
export type Runner = {
  readonly runnerType: string;
  /** Runs a turn. Resolves when it is over, and everything of it is said. What it throws fails the turn. */
  start(session: RunnerSession, prompt: string, approvalChoice: ApprovalChoice): Promise<void>;
  /** Says something to the agent in its turn. Rejects if that agent cannot hear it. */
  sendInput(session: RunnerSession, text: string): Promise<void>;
  /** Interrupts the turn. Resolves with the exit code of what was running, when nothing of it runs any more. */
  stop(session: RunnerSession): Promise<number | null>;
  updatePermissionMode(session: RunnerSession, approvalChoice: ApprovalChoice): void;
};

/** A back end that cannot be reached, is not installed, or not logged in. */
export class RunnerUnavailableError extends Error {
  readonly code = "AGENT_UNAVAILABLE";
}
