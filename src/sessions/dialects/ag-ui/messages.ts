import type { AguiMessage, MessageEvent, ToolCall } from "./agui-event.ts";

/** The messages of a thread after events, as a client of AG-UI 1.0 has them that applied those. */
export type Messages = {
  apply(event: MessageEvent): void;
  /** The messages as they are now; what comes later does not change them. */
  list(): AguiMessage[];
  /** About how many bytes they are as JSON. */
  bytes(): number;
};

/** Bytes that a message or call costs beside what it says. */
const OVERHEAD = 100;

type Thread = {
  messages: AguiMessage[];
  /** Places of messages, by their ids. */
  places: Map<string, number>;
  /** Ids of the messages that have calls, by the ids of those. */
  callers: Map<string, string>;
  bytes: number;
};

export function createMessages(): Messages {
  const thread: Thread = { messages: [], places: new Map(), callers: new Map(), bytes: 0 };
  return {
    apply: (event) => apply(thread, event),
    list: () => [...thread.messages],
    bytes: () => thread.bytes,
  };
}

function apply(thread: Thread, event: MessageEvent): void {
  switch (event.type) {
    case "TEXT_MESSAGE_START":
      return addOnce(thread, { id: event.messageId, role: event.role, content: "" });
    case "REASONING_MESSAGE_START":
      return addOnce(thread, { id: event.messageId, role: "reasoning", content: "" });
    case "TEXT_MESSAGE_CONTENT":
    case "REASONING_MESSAGE_CONTENT":
      return say(thread, event.messageId, event.delta);
    case "TOOL_CALL_START":
      return call(thread, event.toolCallId, event.toolCallName, event.parentMessageId ?? event.toolCallId);
    case "TOOL_CALL_ARGS":
      return addArguments(thread, event.toolCallId, event.delta);
    case "TOOL_CALL_RESULT": {
      const { messageId: id, toolCallId, content } = event;
      return result(thread, { id, role: "tool", toolCallId, content });
    }
    case "ACTIVITY_SNAPSHOT": {
      const { messageId: id, activityType, content } = event;
      const made = { id, role: "activity", activityType, content } as const;
      thread.bytes += JSON.stringify(content).length;
      addOnce(thread, made);
      return replace(thread, id, () => made);
    }
    case "TEXT_MESSAGE_END":
    case "TOOL_CALL_END":
    case "REASONING_START":
    case "REASONING_MESSAGE_END":
    case "REASONING_END":
      return undefined;
  }
}

function addOnce(thread: Thread, message: AguiMessage): void {
  if (!thread.places.has(message.id)) add(thread, message, thread.messages.length);
}

function add(thread: Thread, message: AguiMessage, at: number): void {
  const { messages, places } = thread;
  messages.splice(at, 0, message);
  thread.bytes += OVERHEAD;
  for (let place = at; place < messages.length; place++) places.set(messages[place]?.id ?? "", place);
}

function replace({ messages, places }: Thread, id: string, change: (it: AguiMessage) => AguiMessage): void {
  const place = places.get(id);
  const message = place === undefined ? undefined : messages[place];
  if (place !== undefined && message !== undefined) messages[place] = change(message);
}

function say(thread: Thread, id: string, delta: string): void {
  thread.bytes += delta.length;
  replace(thread, id, (it) =>
    typeof it.content === "object" ? it : ({ ...it, content: `${it.content ?? ""}${delta}` } as AguiMessage),
  );
}

function call(thread: Thread, id: string, name: string, parent: string): void {
  if (thread.callers.has(id)) return;
  if (!thread.places.has(parent))
    add(thread, { id: parent, role: "assistant", toolCalls: [] }, thread.messages.length);
  thread.callers.set(id, parent);
  thread.bytes += OVERHEAD;
  const made: ToolCall = { id, type: "function", function: { name, arguments: "" } };
  changeCalls(thread, parent, (calls) => [...calls, made]);
}

function addArguments(thread: Thread, id: string, delta: string): void {
  thread.bytes += delta.length;
  changeCalls(thread, thread.callers.get(id) ?? "", (calls) =>
    calls.map((it) => (it.id === id ? { ...it, function: withMore(it.function, delta) } : it)),
  );
}

function withMore(made: ToolCall["function"], delta: string): ToolCall["function"] {
  return { ...made, arguments: made.arguments + delta };
}

function changeCalls(thread: Thread, id: string, change: (calls: ToolCall[]) => ToolCall[]): void {
  replace(thread, id, (it) =>
    it.role === "assistant" ? { ...it, toolCalls: change(it.toolCalls ?? []) } : it,
  );
}

/** A result stands behind its call, and behind the results that do so already. */
function result(thread: Thread, message: AguiMessage & { role: "tool" }): void {
  const { messages, places, callers } = thread;
  const owner = places.get(callers.get(message.toolCallId) ?? "");
  let at = owner === undefined ? messages.length : owner + 1;
  if (owner !== undefined) while (messages[at]?.role === "tool") at++;
  thread.bytes += message.content.length;
  add(thread, message, at);
}
