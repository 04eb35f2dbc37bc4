import { textParts } from "../agents/fit.ts";
import type { Output, Reported } from "../agents/port.ts";
import { parseJsonWithin } from "../shared/base/json-scan.ts";
import { objectOf, resultText, toolText, wellFormed } from "./fitting.ts";
import { LINE, type JsonObject } from "./invocation.ts";

// What a turn is at the coordinator, as one decision: `open` says what begins it, `report` what an event of its agent adds, `close` how it ended. The events are those of the original
// executors, in their order: bind, the user's message, each tool when it has answered, the answer, the result.

/** A call at the gateway. */
export type Write =
  | { kind: "bind"; executorSessionId: string }
  /** Says when the session was resumed. */
  | { kind: "resumed" }
  | { kind: "event"; event: { event_type: "message" | "post_tool" | "result" } & JsonObject };

/** What is known of a turn by its events. */
export type Report = {
  prompt: string;
  /** A result is data, not a text. */
  structured: boolean;
  /** What the session is bound to; `wanted` is used if the agent does not name its conversation. */
  bound: { id: string } | { wanted: string; resumed: boolean };
  /** Tools that have not answered, by the id of their use. */
  tools: ReadonlyMap<string, { name: string; input: JsonObject }>;
  /** What the agent said since its last tool: some do not say what the turn came to. */
  said: string;
  /** Blocks of text that came in pieces. */
  blocks: ReadonlySet<string>;
  final: { text: string; data?: unknown } | undefined;
  /** The first error that it did not recover from. */
  problem: string | undefined;
};

/** Most characters that are kept of what was said: more than a result has room for. */
const SAID_CHARS: number = 1024 * 1024;
/** Most characters of the error of a tool. All of what it said is its output. */
const ERROR_CHARS = 2000;

const NO_DATA =
  "Structured output validation failed. The agent could not produce valid JSON matching the output schema.";

type Opening = Pick<Report, "prompt" | "structured" | "bound">;

/** The state at the beginning of a turn, and what is said before its agent is asked: in a session that is bound, what the user said. Pure. */
export function open(opening: Opening): [Report, Write[]] {
  const none = {
    tools: new Map(),
    said: "",
    blocks: new Set<string>(),
    final: undefined,
    problem: undefined,
  };
  return [{ ...opening, ...none }, "id" in opening.bound ? messages("user", opening.prompt) : []];
}

/** The state after an event of the agent, and what it adds. Pure. */
export function report(before: Report, event: Reported): [Report, Write[]] {
  if (event.type === "heartbeat") return [before, []];
  if (event.type === "error" && "wanted" in before.bound) return add(before, event); // an agent that could not begin has no session
  const named = event.type === "header" && event.threadId !== "unknown" ? event.threadId : undefined;
  const [bound, first] = bind(before, named);
  const [after, then] = add(bound, event);
  return [after, [...first, ...then]];
}

/** How a turn ended: with what it came to, or with what was wrong. */
export type Ending = { ok: true; result: string } | { ok: false; problem: string };

/** What is said at the end of a turn. `stopped`: before its agent had answered. Pure. */
export function close(before: Report, stopped = false): { report: Report; writes: Write[]; ending: Ending } {
  const why = stopped ? "interrupted" : "the turn ended before this tool had answered";
  const left = [...before.tools.values()].map(({ name, input }) =>
    tool(name, input, { output: "", error: why }),
  );
  if (stopped) return { report: before, writes: left, ending: { ok: false, problem: "interrupted" } };
  if (before.problem !== undefined)
    return { report: before, writes: left, ending: { ok: false, problem: before.problem } };
  const [bound, first] = bind(before, undefined);
  const writes = [...first, ...left];
  const { text, ...found } = bound.final ?? { text: bound.said };
  if (!bound.structured) {
    const answer = text === "" ? [] : messages("assistant", text);
    const result = eventOf("result", { result_text: resultText(text), result_data: null });
    return { report: bound, writes: [...writes, ...answer, result], ending: { ok: true, result: text } };
  }
  const data = "data" in found ? found.data : parseJsonWithin(Buffer.from(text), LINE);
  if (data === undefined) return { report: bound, writes, ending: { ok: false, problem: NO_DATA } };
  const result = eventOf("result", { result_text: null, result_data: objectOf(data, "result") });
  return { report: bound, writes: [...writes, result], ending: { ok: true, result: JSON.stringify(data) } };
}

/** Binds the session before the first event, and again where the agent goes on under another name. */
function bind(before: Report, named: string | undefined): [Report, Write[]] {
  const { bound, prompt } = before;
  if ("id" in bound) {
    if (named === undefined || named === bound.id) return [before, []];
    return [{ ...before, bound: { id: named } }, [{ kind: "bind", executorSessionId: named }]];
  }
  const id = named ?? bound.wanted;
  const resumed: Write[] = bound.resumed ? [{ kind: "resumed" }] : [];
  const writes: Write[] = [{ kind: "bind", executorSessionId: id }, ...resumed, ...messages("user", prompt)];
  return [{ ...before, bound: { id } }, writes];
}

function add(before: Report, it: Reported): [Report, Write[]] {
  switch (it.type) {
    case "output":
      return addOutput(before, it.output);
    case "error":
      if (it.recoverable === true) return [before, []];
      return [{ ...before, problem: before.problem ?? `${it.code}: ${it.message}` }, []];
    case "exit":
      if (it.exitCode === 0 || it.exitCode === null || before.final !== undefined) return [before, []];
      return [{ ...before, problem: before.problem ?? `the agent ended with ${it.exitCode}` }, []];
    case "header":
    case "awaiting_input":
    case "metadata":
    case "heartbeat":
      return [before, []]; // the coordinator has no event for it
  }
}

function addOutput(before: Report, it: Output): [Report, Write[]] {
  switch (it.kind) {
    case "piece":
      return [it.of === "text" ? saying(before, it) : before, []];
    case "text":
      return [before.blocks.has(it.block) ? before : saying(before, it), []];
    case "tool_call": {
      const tools = new Map(before.tools).set(it.id, { name: it.name, input: objectOf(it.input, "input") });
      return [{ ...before, tools, said: "" }, []];
    }
    case "tool_result": {
      const { name = it.name ?? "unknown", input = {} } = before.tools.get(it.id) ?? {};
      const tools = new Map(before.tools);
      tools.delete(it.id);
      const output = toolText(it.content);
      const error = it.isError ? output.slice(0, ERROR_CHARS).toWellFormed() || "the tool failed" : null;
      return [{ ...before, tools }, [tool(name, input, { output, error })]];
    }
    case "final":
      return [{ ...before, final: { text: it.text, ...("data" in it ? { data: it.data } : {}) } }, []];
    case "other":
      return addOther(before, it);
    case "thinking":
    case "iteration":
      return [before, []]; // the original executors report none of these
  }
}

/** An agent behind a URL says everything in the form in which clients see it. */
function addOther(before: Report, { type, data }: Extract<Output, { kind: "other" }>): [Report, Write[]] {
  const { id, tool_use_id: use, name, input, text, content, is_error: failed } = data;
  const { code = "AGENT_ERROR", message = "the agent failed", recoverable } = data;
  if (type === "text" && typeof text === "string")
    return [saying(before, { block: String(data["block"]), text }), []];
  if (type === "tool_call")
    return addOutput(before, {
      kind: "tool_call",
      id: String(id),
      name: typeof name === "string" ? name : "unknown",
      input,
    });
  if (type === "tool_result") {
    const said = typeof content === "string" ? content : (JSON.stringify(content) ?? "");
    const named = typeof name === "string" ? { name } : {};
    const of = {
      kind: "tool_result",
      id: String(use),
      ...named,
      content: said,
      isError: failed === true,
    } as const;
    return addOutput(before, of);
  }
  if (type !== "error" || recoverable === true) return [before, []];
  return [{ ...before, problem: before.problem ?? `${String(code)}: ${String(message)}` }, []];
}

function saying(before: Report, { block, text }: { block: string; text: string }): Report {
  const said = before.said + text.slice(0, Math.max(0, SAID_CHARS - before.said.length));
  return {
    ...before,
    said,
    blocks: before.blocks.has(block) ? before.blocks : new Set(before.blocks).add(block),
  };
}

/** A text as messages, of which each has room in an event. */
function messages(role: "user" | "assistant", text: string): Write[] {
  const parts = textParts(wellFormed(text));
  return (parts.length === 0 ? [""] : parts).map((part) =>
    eventOf("message", { role, content: [{ type: "text", text: part }] }),
  );
}

function tool(name: string, input: JsonObject, of: { output: string; error: string | null }): Write {
  const { output, error } = of;
  return eventOf("post_tool", { tool_name: name, tool_input: input, tool_output: output, error });
}

function eventOf(type: "message" | "post_tool" | "result", of: JsonObject): Write {
  return { kind: "event", event: { event_type: type, ...of } };
}
