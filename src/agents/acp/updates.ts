import type { Params } from "../json-rpc.ts";
import type { Output, Reported } from "../port.ts";

/** A use of a tool, as far as the agent has told it: updates carry only what changed. */
export type ToolUse = {
  title: string;
  kind: string;
  name: string | undefined;
  input: unknown;
  content: unknown;
  said: "nothing" | "call" | "result";
};

/** What is known of a turn by the agent's updates. */
export type Reading = {
  tools: ReadonlyMap<string, ToolUse>;
  /** The newest text, at the end of a prompt its answer. */
  answer: { block: string; text: string };
  /** Counts texts that the agent gives no names: one ends where a tool is used, or a prompt begins. */
  part: number;
};

export const NEW_READING: Reading = { tools: new Map(), answer: { block: "", text: "" }, part: 0 };

/** Most characters of an answer that are kept for the turn's end, which repeats its beginning: all of it is in the log. */
const MOST_ANSWER: number = 4 * 1024 * 1024;

/** The state when another prompt begins. Pure. */
export function newPrompt({ tools, part }: Reading): Reading {
  return { tools, answer: NEW_READING.answer, part: part + 1 };
}

/** The state after a `session/update`, and what it reports. An update of a kind that is not known is shown as a status. Pure. */
export function readUpdate(before: Reading, update: Params): [Reading, Reported[]] {
  const { sessionUpdate: kind } = update;
  switch (kind) {
    case "agent_message_chunk": {
      const [block, text] = [blockOf(update, before), contentText(update["content"])];
      if (text === "") return [before, []]; // a message that begins
      const { answer } = before;
      const next =
        answer.block === block
          ? { block, text: (answer.text + text).slice(0, MOST_ANSWER) }
          : { block, text };
      return [{ ...before, answer: next }, [output({ kind: "piece", of: "text", block, text })]];
    }
    case "agent_thought_chunk":
      return [
        before,
        [
          output({
            kind: "piece",
            of: "thinking",
            block: blockOf(update, before),
            text: contentText(update["content"]),
          }),
        ],
      ];
    case "tool_call":
    case "tool_call_update":
      return tool(before, update);
    case "usage_update": {
      const { sessionUpdate: _, ...value } = update;
      return [before, [{ type: "metadata", key: "context", value }]];
    }
    case "plan":
      return [before, [status("plan", { entries: update["entries"] })]];
    case "user_message_chunk": // what a loaded session was asked before
    case "available_commands_update":
    case "config_option_update":
      return [before, []];
    default:
      return [before, [status(String(kind), { ...update })]];
  }
}

/** A tool call is reported when its input is known: many agents announce the call first, and send the input later. */
function tool(before: Reading, update: Params): [Reading, Reported[]] {
  const { toolCallId, title, kind, rawInput, rawOutput, content, status: how } = update;
  const id = String(toolCallId);
  const old = before.tools.get(id) ?? {
    title: "tool",
    kind: "other",
    name: undefined,
    input: undefined,
    content: undefined,
    said: "nothing",
  };
  const isOver = how === "completed" || how === "failed";
  const use: ToolUse = {
    title: typeof title === "string" ? title : old.title,
    kind: typeof kind === "string" ? kind : old.kind,
    name: ownName(update) ?? old.name,
    input: isEmpty(rawInput) ? old.input : rawInput,
    content: content ?? old.content,
    said: old.said,
  };
  const reports: Reported[] = [];
  if (use.said === "nothing" && (use.input !== undefined || isOver || how === "in_progress")) {
    reports.push(callOf(id, use));
    use.said = "call";
  }
  if (isOver && use.said === "call") {
    const said = rawOutput === undefined ? contentText(use.content) : textOf(rawOutput);
    reports.push(
      output({ kind: "tool_result", id, name: nameOf(use), content: said, isError: how === "failed" }),
    );
    use.said = "result";
    use.input = use.content = undefined; // all of it is said
  }
  const part = reports.length > 0 ? before.part + 1 : before.part;
  return [{ ...before, part, tools: new Map(before.tools).set(id, use) }, reports];
}

/** Says a tool's call, if it was not said: before its permission is asked for. Pure. */
export function beforeAsking(before: Reading, toolCall: Params): [Reading, Reported[]] {
  const [next, reports] = tool(before, toolCall);
  const id = String(toolCall["toolCallId"]);
  const use = next.tools.get(id);
  if (use === undefined || use.said !== "nothing") return [next, reports];
  return [
    { ...next, tools: new Map(next.tools).set(id, { ...use, said: "call" }) },
    [...reports, callOf(id, use)],
  ];
}

function callOf(id: string, use: ToolUse): Reported {
  return output({ kind: "tool_call", id, name: nameOf(use), input: use.input ?? { title: use.title } });
}

/** What a tool is called: by the agent, where it says so beside the protocol, and otherwise by its kind. Pure. */
export function nameOf({ name, kind }: Pick<ToolUse, "name" | "kind">): string {
  return name ?? kind;
}

function ownName({ _meta: meta }: Params): string | undefined {
  const { claudeCode } = (meta ?? {}) as { claudeCode?: { toolName?: unknown } };
  return typeof claudeCode?.toolName === "string" ? claudeCode.toolName : undefined;
}

/** A content block, or a list of those of a tool, as a text. Pure. */
function contentText(content: unknown): string {
  if (Array.isArray(content)) return content.map(contentText).join("\n");
  if (typeof content !== "object" || content === null) return "";
  const { type, text, content: inner, path, newText } = content as Record<string, unknown>;
  if (typeof text === "string") return text;
  if (inner !== undefined) return contentText(inner);
  if (type === "diff") return `${String(path)}\n${textOf(newText)}`;
  return JSON.stringify(content);
}

function blockOf({ messageId }: Params, { part }: Reading): string {
  return typeof messageId === "string" ? messageId : String(part);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function status(name: string, data: Record<string, unknown>): Reported {
  return output({ kind: "other", type: "status", data: { ...data, status: name } });
}

function output(it: Output): Reported {
  return { type: "output", output: it };
}
