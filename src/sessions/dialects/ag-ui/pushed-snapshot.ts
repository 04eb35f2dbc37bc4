import { camel, isObject, textOf } from "./loose.ts";
import type { Names } from "./names.ts";
import { ownId } from "./own-id.ts";
import type { Unplaced } from "./turn-words.ts";

/** Makes the events of one type with these members. */
type Say = (type: string, members: Record<string, unknown>) => Unplaced[];

/** What a snapshot of the agent's says that was not said before. What was said stands as it was, and people speak for themselves. */
export function snapshotWords(messages: unknown, say: Say, names: Names, seq: number): Unplaced[] {
  if (!Array.isArray(messages)) return [];
  return messages.filter(isObject).flatMap((it, place): Unplaced[] => {
    const message = camel(it);
    const messageId = idOf(message["id"]) ?? ownId(seq, String(place));
    const { role, content, toolCalls } = message;
    if (role === "tool")
      return names.knows("result", messageId) ? [] : say("TOOL_CALL_RESULT", { ...message, messageId });
    const delta = textOf(content);
    if (role === "reasoning")
      return names.knows("reasoning", messageId) ? [] : whole(say, "REASONING_MESSAGE", { messageId, delta });
    if (role !== "assistant" && role !== "system" && role !== "developer") return [];
    const said =
      names.knows("text", messageId) || delta === ""
        ? []
        : whole(say, "TEXT_MESSAGE", { messageId, role, delta });
    const calls = Array.isArray(toolCalls) ? toolCalls.filter(isObject) : [];
    return [...said, ...calls.flatMap((call) => callWords(call, messageId, say, names))];
  });
}

function callWords(
  { id, function: made }: Record<string, unknown>,
  parentMessageId: string,
  say: Say,
  names: Names,
): Unplaced[] {
  const toolCallId = idOf(id);
  if (toolCallId === undefined || !isObject(made) || names.knows("call", toolCallId)) return [];
  const { name: toolCallName, arguments: given } = made;
  return whole(say, "TOOL_CALL", { toolCallId, toolCallName, delta: textOf(given), parentMessageId });
}

/** A message or a call from its beginning to its end. */
function whole(say: Say, of: string, members: Record<string, unknown>): Unplaced[] {
  return [...say(`${of}_CHUNK`, members), ...say(`${of}_END`, members)];
}

function idOf(id: unknown): string | undefined {
  return typeof id === "string" && id !== "" ? id : undefined;
}
