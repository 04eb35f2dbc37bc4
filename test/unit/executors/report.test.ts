import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AgentType } from "../../../src/agents/agent.ts";
import type { Output, Reported } from "../../../src/agents/port.ts";
import { close, open, report, type Report, type Write } from "../../../src/executors/report.ts";

const UNBOUND: Report["bound"] = { wanted: "echo-ses_1", resumed: false };

const out = (output: Output): Reported => ({ type: "output", output });
const header = (threadId: string): Reported => ({ type: "header", threadId });
const other = (type: AgentType, data: Record<string, unknown>): Reported =>
  out({ kind: "other", type, data });
const call = (id: string, name = "Bash", input: unknown = { command: "ls" }): Reported =>
  out({ kind: "tool_call", id, name, input });
const result = (id: string, content: string, isError = false): Reported =>
  out({ kind: "tool_result", id, content, isError });
const final = (text: string, data?: unknown): Reported =>
  out({ kind: "final", text, ...(data === undefined ? {} : { data }) });
const piece = (text: string, block = "0"): Reported => out({ kind: "piece", of: "text", block, text });

/** A call in a few words. */
function plainly(write: Write): unknown {
  if (write.kind === "bind") return `bind ${write.executorSessionId}`;
  if (write.kind === "resumed") return "resumed";
  const { event_type: type, role, content, ...rest } = write.event as Record<string, unknown>;
  if (type === "message")
    return `${String(role)}: ${(content as { text: string }[]).map(({ text }) => text).join("")}`;
  return { [String(type)]: rest };
}

function told(
  events: readonly Reported[],
  of: { bound?: Report["bound"]; structured?: boolean; stopped?: boolean } = {},
): { said: unknown[]; ending: unknown; bound: unknown } {
  const { bound = UNBOUND, structured = false, stopped = false } = of;
  let [state, writes] = open({ prompt: "Go", structured, bound });
  const said = writes.map(plainly);
  for (const event of events) {
    [state, writes] = report(state, event);
    said.push(...writes.map(plainly));
  }
  const closed = close(state, stopped);
  return {
    said: [...said, ...closed.writes.map(plainly)],
    ending: closed.ending,
    bound: closed.report.bound,
  };
}

const tool = (
  output: string,
  error: string | null = null,
  name = "Bash",
  input: unknown = { command: "ls" },
) => ({
  post_tool: { tool_name: name, tool_input: input, tool_output: output, error },
});
const NEVER = "the turn ended before this tool had answered";
const text = (of: string) => ({ result: { result_text: of, result_data: null } });
const data = (of: unknown) => ({ result: { result_text: null, result_data: of } });

describe("what a turn is at the coordinator", () => {
  test.each<[string, Reported[], unknown[]]>([
    [
      "an answer: the session is bound under the agent's own name, then the user, the answer and the result",
      [header("t-1"), piece("Hel"), piece("lo"), final("Hello"), { type: "awaiting_input" }],
      ["bind t-1", "user: Go", "assistant: Hello", text("Hello")],
    ],
    [
      "an agent that does not name its conversation",
      [header("unknown"), final("Hello")],
      ["bind echo-ses_1", "user: Go", "assistant: Hello", text("Hello")],
    ],
    [
      "an agent that says nothing about itself before it uses a tool",
      [call("1"), result("1", "a\nb"), final("Done")],
      ["bind echo-ses_1", "user: Go", tool("a\nb"), "assistant: Done", text("Done")],
    ],
    [
      "a tool that failed",
      [header("t"), call("1"), result("1", "no such file", true), final("Hm")],
      ["bind t", "user: Go", tool("no such file", "no such file"), "assistant: Hm", text("Hm")],
    ],
    [
      "a tool that failed without a word, and one that was not announced",
      [header("t"), call("1"), result("1", "", true), result("2", "x"), final("")],
      ["bind t", "user: Go", tool("", "the tool failed"), tool("x", null, "unknown", {}), text("")],
    ],
    [
      "tools at once, in the order of their answers",
      [
        header("t"),
        call("1"),
        call("2", "Read", "file"),
        result("2", "two"),
        result("1", "one"),
        final("ok"),
      ],
      [
        "bind t",
        "user: Go",
        tool("two", null, "Read", { input: "file" }),
        tool("one"),
        "assistant: ok",
        text("ok"),
      ],
    ],
    [
      "what was said before a tool, and thoughts, are not reported",
      [
        header("t"),
        piece("Looking. "),
        call("1"),
        out({ kind: "thinking", block: "1", text: "hm" }),
        out({ kind: "iteration", stopReason: "tool_use" }),
        { type: "metadata", key: "tokens", value: 1 },
        { type: "heartbeat", elapsedS: 1, done: false },
        result("1", ""),
        final("Done"),
      ],
      ["bind t", "user: Go", tool(""), "assistant: Done", text("Done")],
    ],
    [
      "an agent that does not say what it came to: its words behind the last tool",
      [
        header("t"),
        piece("Looking. "),
        call("1"),
        result("1", ""),
        piece("Do", "2"),
        piece("ne", "2"),
        out({ kind: "text", block: "2", text: "Done" }),
        out({ kind: "text", block: "3", text: "." }),
      ],
      ["bind t", "user: Go", tool(""), "assistant: Done.", text("Done.")],
    ],
    [
      "an agent that goes on under another name",
      [header("t-1"), header("t-1"), header("t-2"), final("Hello")],
      ["bind t-1", "user: Go", "bind t-2", "assistant: Hello", text("Hello")],
    ],
    [
      "an agent behind a URL",
      [
        other("tool_call", { id: "1", name: "Bash", input: { command: "ls" } }),
        other("tool_result", { tool_use_id: "1", content: ["a"], is_error: true }),
        other("status", { status: "busy" }),
        other("error", { message: "again", recoverable: true }),
        other("text", { text: "Done", mood: "glad" }),
      ],
      ["bind echo-ses_1", "user: Go", tool('["a"]', '["a"]'), "assistant: Done", text("Done")],
    ],
    [
      "a tool that never answers: it is named before the answer",
      [header("t"), call("1"), final("Done")],
      ["bind t", "user: Go", tool("", NEVER), "assistant: Done", text("Done")],
    ],
    ["nothing at all", [], ["bind echo-ses_1", "user: Go", text("")]],
    [
      "a retry at the model before the agent has begun",
      [{ type: "error", code: "API_RETRY", message: "again", recoverable: true }, header("t"), final("ok")],
      ["bind t", "user: Go", "assistant: ok", text("ok")],
    ],
  ])("%s", (_, events, writes) => {
    const { said, ending } = told(events);
    expect(said).toEqual(writes);
    expect(ending).toMatchObject({ ok: true });
  });

  test("a later turn: the user before the agent is asked, and no bind", () => {
    const { said, bound } = told([header("t-1"), final("Two")], { bound: { id: "t-1" } });
    expect(said).toEqual(["user: Go", "assistant: Two", text("Two")]);
    expect(bound).toEqual({ id: "t-1" });
  });

  test("a session that is resumed says so behind its bind", () => {
    const { said } = told([header("t-1"), final("Two")], { bound: { wanted: "t-1", resumed: true } });
    expect(said).toEqual(["bind t-1", "resumed", "user: Go", "assistant: Two", text("Two")]);
  });
});

describe("a result that is data", () => {
  test.each<[string, Reported, unknown, string]>([
    ["an object", final("Here", { n: 7 }), { n: 7 }, '{"n":7}'],
    ["a list, which the coordinator would refuse", final("Here", [1, 2]), { result: [1, 2] }, "[1,2]"],
    ["a number", final("Here", 7), { result: 7 }, "7"],
    ["nothing", final("Here", null), { result: null }, "null"],
    ["the JSON of the text of an agent that knows no schemas", final(' {"n": 7} '), { n: 7 }, '{"n":7}'],
  ])("%s", (_, event, found, printed) => {
    const { said, ending } = told([header("t"), event], { structured: true });
    expect(said).toEqual(["bind t", "user: Go", data(found)]);
    expect(ending).toEqual({ ok: true, result: printed });
  });

  test("an agent that gives none has failed", () => {
    const { said, ending } = told([header("t"), final("Sorry")], { structured: true });
    expect(said).toEqual(["bind t", "user: Go"]);
    expect(ending).toMatchObject({ ok: false, problem: expect.stringContaining("Structured output") });
  });

  test("what is too large is shown as the beginning of its text", () => {
    const { said } = told([header("t"), final("", { all: "x".repeat(1_000_000) })], { structured: true });
    expect(said.at(-1)).toMatchObject({ result: { result_data: { truncated: true, chars: 1_000_010 } } });
  });
});

describe("a turn that fails", () => {
  const refused: Reported = { type: "error", code: "CLAUDE_RESULT_ERROR", message: "no credit" };

  test("has no result, and says the first thing that went wrong", () => {
    const events = [
      header("t"),
      call("1"),
      refused,
      { ...refused, code: "RUNNER_EXIT" },
      final("Never"),
    ] as const;
    expect(told(events)).toMatchObject({
      said: ["bind t", "user: Go", tool("", NEVER)],
      ending: { ok: false, problem: "CLAUDE_RESULT_ERROR: no credit" },
    });
  });

  test("before the agent has begun says nothing at all", () => {
    const said = other("error", { code: "OUT_OF_LUCK", message: "no more" });
    expect(told([said]).ending).toEqual({ ok: false, problem: "OUT_OF_LUCK: no more" });
    expect(told([refused])).toMatchObject({ said: [], ending: { ok: false } });
    expect(told([{ type: "exit", exitCode: 3 }]).ending).toEqual({
      ok: false,
      problem: "the agent ended with 3",
    });
  });

  test("because it was stopped names what was under way, and has no result", () => {
    expect(told([header("t"), call("1"), piece("half")], { stopped: true })).toMatchObject({
      said: ["bind t", "user: Go", tool("", "interrupted")],
      ending: { ok: false, problem: "interrupted" },
    });
    expect(told([], { stopped: true }).said).toEqual([]);
  });
});

test("long texts come in events that there is room for, and nothing of a message is lost", () => {
  const long = "\u0001".repeat(300_000);
  let [state, writes] = open({ prompt: long, structured: false, bound: { id: "t" } });
  const first = writes;
  [state] = report(state, call("1", "Bash", { command: long }));
  [state, writes] = report(state, result("1", long, true));
  const all = [...first, ...writes, ...close(report(state, final(long))[0]).writes];
  for (const it of all) expect(Buffer.byteLength(JSON.stringify(it))).toBeLessThan(960 * 1024);
  expect(first.map((it) => String(plainly(it)).slice("user: ".length)).join("")).toBe(long);
});

test("any events are told as the coordinator takes them: bound once, a result at most once and last, objects where objects are wanted", () => {
  const output = fc.oneof(
    fc.record({
      kind: fc.constant("piece" as const),
      of: fc.constantFrom("text" as const, "thinking" as const),
      block: fc.string(),
      text: fc.string({ unit: "binary" }),
    }),
    fc.record({
      kind: fc.constant("tool_call" as const),
      id: fc.constantFrom("1", "2"),
      name: fc.string(),
      input: fc.jsonValue(),
    }),
    fc.record({
      kind: fc.constant("tool_result" as const),
      id: fc.constantFrom("1", "2", "3"),
      content: fc.string({ unit: "binary" }),
      isError: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("final" as const), text: fc.string(), data: fc.jsonValue() }),
  );
  const events = fc.array(fc.oneof(output.map(out), fc.constant(header("t"))), { maxLength: 20 });
  fc.assert(
    fc.property(events, fc.boolean(), fc.boolean(), (all, structured, stopped) => {
      let [state, writes] = open({ prompt: "Go", structured, bound: UNBOUND });
      const said = [...writes];
      for (const it of all) {
        [state, writes] = report(state, it);
        said.push(...writes);
      }
      said.push(...close(state, stopped).writes);
      const types = said.map((it) => (it.kind === "event" ? it.event.event_type : it.kind));
      if (types.length > 0) expect(types.slice(0, 2)).toEqual(["bind", "message"]);
      expect(types.slice(0, -1)).not.toContain("result");
      for (const it of said) {
        if (it.kind !== "event") continue;
        const { tool_input: input = {}, result_data: found = null, error = null } = it.event;
        expect(
          [input, found].every((of) => of === null || (typeof of === "object" && !Array.isArray(of))),
        ).toBe(true);
        expect(error === null || typeof error === "string").toBe(true);
        expect(JSON.stringify(it)).not.toMatch(/\\ud[89a-f]/);
      }
    }),
  );
});
