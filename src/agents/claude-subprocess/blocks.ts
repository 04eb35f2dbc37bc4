import type { Output } from "../port.ts";

/** A piece of a block of the model's answer; undefined for what is no text. Pure. */
export function deltaOutput(delta: unknown, block: string): Output | undefined {
  const { type, text, thinking } = (delta ?? {}) as Record<string, unknown>;
  if (type === "text_delta" && typeof text === "string") return { kind: "piece", of: "text", block, text };
  if (type === "thinking_delta" && typeof thinking === "string")
    return { kind: "piece", of: "thinking", block, text: thinking };
  return undefined;
}

/**
 * The blocks of an answer of the model. The CLI sends one message for each; `from` were sent before. What a sub-agent says belongs to the tool that started it (`parent`), and is
 * no text of the turn. Pure.
 */
export function blockOutputs(
  content: readonly unknown[],
  { answer, from, parent }: { answer: string; from: number; parent: unknown },
): Output[] {
  return content.flatMap((it, i): Output[] => {
    const { type, text, thinking, id, name, input } = (it ?? {}) as Record<string, unknown>;
    const block = `${answer}:${from + i}`;
    if (type === "tool_use" || type === "server_tool_use" || type === "mcp_tool_use")
      return [{ kind: "tool_call", id: String(id), name: String(name), input }];
    const [kind, words] = type === "thinking" ? (["thinking", thinking] as const) : (["text", text] as const);
    if (typeof words !== "string" || words === "") return [];
    if (typeof parent !== "string") return [{ kind, block, text: words }];
    return [
      { kind: "other", type: "status", data: { status: "subagent", tool_use_id: parent, [kind]: words } },
    ];
  });
}

/** What tools said, as it stands in a message to the model. Pure. */
export function resultOutputs(
  message: Record<string, unknown>,
  tools: ReadonlyMap<string, string>,
): Output[] {
  const { content } = (message["message"] ?? {}) as Record<string, unknown>;
  if (!Array.isArray(content)) return [];
  return content.flatMap((it): Output[] => {
    const { type, tool_use_id: id, content: said, is_error: isError } = (it ?? {}) as Record<string, unknown>;
    if (type !== "tool_result" || typeof id !== "string") return [];
    const name = tools.get(id);
    const named = name === undefined ? {} : { name };
    return [{ kind: "tool_result", id, ...named, content: textOf(said), isError: isError === true }];
  });
}

/** The text of a tool's result; what is no text is named. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return content === undefined ? "" : JSON.stringify(content);
  return content
    .map((it) => {
      const { type, text } = (it ?? {}) as Record<string, unknown>;
      return typeof text === "string" ? text : `[${String(type)}]`;
    })
    .join("\n");
}
