import type { Output } from "../port.ts";

// What Codex calls items are its texts, thoughts and uses of tools. The app server and `exec --json` write the same ones in two spellings.

export type Item = Readonly<Record<string, unknown>> & { id: string; type: string };

/** Reads an item in either spelling: `agent_message` and `agentMessage`, `exit_code` and `exitCode`. Undefined for anything else. Pure. */
export function itemOf(value: unknown): Item | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const members = Object.entries(value).map(([name, it]: [string, unknown]) => [camel(name), it] as const);
  const { id, type, ...rest } = Object.fromEntries(members) as Record<string, unknown>;
  return typeof id === "string" && typeof type === "string" ? { ...rest, id, type: camel(type) } : undefined;
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What a tool is called, and what it is given; undefined for an item that is no tool. Pure. */
function toolOf(item: Item): { name: string; input: unknown } | undefined {
  switch (item.type) {
    case "commandExecution":
      return { name: "shell", input: { command: item["command"], ...given("cwd", item["cwd"]) } };
    case "fileChange":
      return { name: "apply_patch", input: { changes: item["changes"] } };
    case "mcpToolCall":
      return { name: `mcp__${String(item["server"])}__${String(item["tool"])}`, input: item["arguments"] };
    case "dynamicToolCall":
      return { name: String(item["tool"]), input: item["arguments"] };
    case "webSearch":
      return { name: "web_search", input: { query: item["query"] } };
    default:
      return undefined;
  }
}

/** What an item says when it begins. Pure. */
export function begun(item: Item): Output[] {
  const tool = toolOf(item);
  return tool === undefined ? [] : [{ kind: "tool_call", id: item.id, ...tool }];
}

/** What an item says when it is over. `wasBegun`: its beginning was said. Pure. */
export function ended(item: Item, wasBegun: boolean): Output[] {
  switch (item.type) {
    case "agentMessage":
      return [{ kind: "text", block: item.id, text: textOf(item["text"]) }];
    case "reasoning": {
      const text = textOf(item["text"]) || [item["summary"], item["content"]].flat().map(textOf).join("\n");
      return [{ kind: "thinking", block: item.id, text: text.trim() }];
    }
    case "error":
      // of a warning, too: what ends the turn is said by its end
      return [status("warning", { message: textOf(item["message"]) })];
    case "userMessage":
      return [];
    default: {
      const tool = toolOf(item);
      if (tool === undefined) return [status(item.type, item)];
      return [...(wasBegun ? [] : begun(item)), resultOf(item, tool.name)];
    }
  }
}

function resultOf(item: Item, name: string): Output {
  const { status: how, exitCode } = item;
  const error = item["error"];
  const isError =
    how === "failed" ||
    how === "declined" ||
    (typeof exitCode === "number" && exitCode !== 0) ||
    Boolean(error);
  return { kind: "tool_result", id: item.id, name, content: contentOf(item), isError };
}

function contentOf(item: Item): string {
  switch (item.type) {
    case "commandExecution": {
      const output = textOf(item["aggregatedOutput"]);
      const { status: how, exitCode } = item;
      if (output !== "") return output;
      return typeof exitCode === "number" ? `exit code ${exitCode}` : String(how);
    }
    case "mcpToolCall":
    case "dynamicToolCall":
      return textOf(messageOf(item["error"]) ?? item["result"] ?? item["contentItems"]);
    default:
      return textOf(item["status"]);
  }
}

function messageOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "message" in error ? error.message : undefined;
}

export function status(name: string, data: Readonly<Record<string, unknown>>): Output {
  return { kind: "other", type: "status", data: { status: name, ...data } };
}

export function textOf(value: unknown): string {
  return typeof value === "string"
    ? value
    : value === undefined || value === null
      ? ""
      : JSON.stringify(value);
}

/** Where a schema was asked for (`wanted`), the answer is its data. Pure. */
export function dataIn(answer: string, wanted: boolean): { data?: unknown } {
  if (!wanted) return {};
  try {
    return { data: JSON.parse(answer) as unknown };
  } catch {
    return {};
  }
}

function given(name: string, value: unknown): Record<string, unknown> {
  return value === undefined || value === null ? {} : { [name]: value };
}
