/** A message of a thread, in the forms that we make. */
export type AguiMessage =
  | { id: string; role: TextRole; content?: string; toolCalls?: ToolCall[] }
  | { id: string; role: "tool"; toolCallId: string; content: string }
  | { id: string; role: "reasoning"; content: string }
  | { id: string; role: "activity"; activityType: string; content: Record<string, unknown> };

export type TextRole = "user" | "assistant" | "system" | "developer";

export type ToolCall = { id: string; type: "function"; function: { name: string; arguments: string } };

type Named<T extends string, F = unknown> = { type: T; timestamp?: number } & F;
type InMessage = { messageId: string };
type InCall = { toolCallId: string };
type OfRun = { threadId: string; runId: string };

/** Events of AG-UI 1.0 that tell of messages: a snapshot of the messages holds what they said. */
export type MessageEvent =
  | Named<"TEXT_MESSAGE_START", InMessage & { role: TextRole }>
  | Named<"TEXT_MESSAGE_CONTENT", InMessage & { delta: string }>
  | Named<"TEXT_MESSAGE_END", InMessage>
  | Named<"REASONING_START", InMessage>
  | Named<"REASONING_MESSAGE_START", InMessage & { role: "reasoning" }>
  | Named<"REASONING_MESSAGE_CONTENT", InMessage & { delta: string }>
  | Named<"REASONING_MESSAGE_END", InMessage>
  | Named<"REASONING_END", InMessage>
  | Named<"TOOL_CALL_START", InCall & { toolCallName: string; parentMessageId?: string }>
  | Named<"TOOL_CALL_ARGS", InCall & { delta: string }>
  | Named<"TOOL_CALL_END", InCall>
  | Named<"TOOL_CALL_RESULT", InMessage & InCall & { content: string; role: "tool" }>
  | Named<
      "ACTIVITY_SNAPSHOT",
      InMessage & { activityType: string; content: Record<string, unknown>; replace: true }
    >;

/** Events that begin and end runs. */
export type RunEvent =
  | Named<"RUN_STARTED", OfRun>
  | Named<"RUN_FINISHED", OfRun & { result?: unknown; outcome?: { type: "cancelled" } }>
  | Named<"RUN_ERROR", { message: string; code?: string }>;

/** Events that no snapshot of messages holds. */
export type OtherEvent =
  | Named<"STEP_STARTED", { stepName: string }>
  | Named<"STEP_FINISHED", { stepName: string }>
  | Named<"STATE_SNAPSHOT", { snapshot: unknown }>
  | Named<"STATE_DELTA", { delta: unknown[] }>
  | Named<"CUSTOM", { name: string; value: unknown }>
  | Named<"RAW", { event: unknown; source: string }>;

/** An event of AG-UI 1.0 as we send it: its client takes no null in place of an optional member, and only numbers as times. */
export type AguiEvent =
  | MessageEvent
  | RunEvent
  | OtherEvent
  | Named<"MESSAGES_SNAPSHOT", { messages: readonly AguiMessage[] }>;

/** Does the event tell of messages? Pure. */
export function isOfMessages(event: AguiEvent): event is MessageEvent {
  return /^(?:TEXT_|REASONING_|TOOL_|ACTIVITY_)/.test(event.type);
}
