/** What an agent says in a turn, as types that clients see. What begins and ends turns, and who was allowed what, is ours to say. */
export const AGENT_TYPES = [
  "text",
  "thinking",
  "tool_call",
  "tool_result",
  "status",
  "error",
  "session_info",
  "iteration_end",
  "work_product",
  "input_required",
  "usage",
] as const;

/** What the owner of a session says, as kinds of its subjects and as types that clients see. */
export const OWNER_TYPES = [
  "owner",
  "turn_started",
  "turn_ended",
  ...AGENT_TYPES,
  "permission_request",
  "permission_resolved",
] as const;

/** What an agent's back end remembers, kept by the owner for itself and for owners after it. No client sees it, by any protocol. */
export const TRANSCRIPT = "transcript";

/** Is what lies under this subject hidden from clients? Pure. */
export function isHidden(subject: string): boolean {
  const [, , , side, kind] = subject.split(".");
  return side === "out" && kind === TRANSCRIPT;
}

/** What clients want, as kinds of its subjects. What lies under `push` has a type of its own: that of the agent outside that sent it. */
export const CLIENT_KINDS = [
  "created",
  "changed",
  "turn",
  "cancel",
  "input",
  "decision",
  "mode",
  "push",
] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

/** How an event of a client is shown; what it pushed as what it called it. */
const SHOWN: Record<Exclude<ClientKind, "push">, string> = {
  created: "created",
  changed: "session_changed",
  turn: "turn",
  cancel: "cancel",
  input: "input_response",
  decision: "decision",
  mode: "permission_mode",
};

/** Who an event comes from: the session's user, the worker that owns it, or an agent outside. */
export type Source = "user" | "worker" | "push";

/** What a subject of a session says of its events. `type` is undefined where the envelope alone knows. */
export type Role = { source: Source; type: string | undefined };

/** The role of a subject's events; undefined for what no program of ours writes. Pure. */
export function roleOf({ side, kind }: { side: "in" | "out"; kind: string }): Role | undefined {
  if (side === "out")
    return kind === TRANSCRIPT || OWNER_TYPES.some((type) => type === kind)
      ? { source: "worker", type: kind }
      : undefined;
  const known = CLIENT_KINDS.find((it) => it === kind);
  if (known === undefined) return undefined;
  return known === "push" ? { source: "push", type: undefined } : { source: "user", type: SHOWN[known] };
}

/** A type as agents outside choose it: `tool_result`, or `RUN_STARTED` as AG-UI has it. */
const TYPE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** Clients act upon these: an agent outside that could send one could end a turn, answer a question, or have a watcher begin again. Some ignore case. */
const RESERVED = /^(?:turn|permission)_|^(?:owner|gap|reset|closed|caught_up|unreadable)$/i;

/** May an agent outside push an event of this type? Pure. */
export function mayBePushed(type: string): boolean {
  return TYPE.test(type) && !RESERVED.test(type) && !Object.values(SHOWN).includes(type.toLowerCase());
}
