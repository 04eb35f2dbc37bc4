import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EVENT_DATA } from "../../../src/shared/session-log/event/session-event.ts";
import { parseJsonWithin } from "../../../src/shared/base/json-scan.ts";
import type { Output, RunnerEvent } from "../../../src/agents/port.ts";
import { endOf, newTelling, tell, type Telling, type Told } from "../../../src/agents/telling.ts";

/** Everything that the events add to the log, and the state behind them. */
function told(events: readonly RunnerEvent[], threadId?: string): { told: Told[]; state: Telling } {
  let state = newTelling("r", threadId);
  const all = events.flatMap((event) => {
    const [next, adds] = tell(state, event);
    state = next;
    return adds;
  });
  return { told: all, state };
}

const out = (output: Output): RunnerEvent => ({ type: "output", output });
const piece = (text: string, block = "0"): RunnerEvent => out({ kind: "piece", of: "text", block, text });
const final = (text: string): RunnerEvent => out({ kind: "final", text });
const error = (code: string, recoverable?: boolean): RunnerEvent => ({
  type: "error",
  code,
  message: `it was ${code}`,
  ...(recoverable === undefined ? {} : { recoverable }),
});
const AWAITING: RunnerEvent = { type: "awaiting_input" };
const exit = (exitCode: number | null): RunnerEvent => ({ type: "exit", exitCode });
const text = (of: string, block = "0"): Told => ({ kind: "piece", type: "text", block, text: of });
const event = (type: string, data: object): object => ({ kind: "event", type, data });

describe("what each callback is in the log", () => {
  test.each<[RunnerEvent, object[]]>([
    [piece("a"), [text("a")]],
    [piece(""), []],
    [
      out({ kind: "thinking", block: "1", text: "hm" }),
      [{ kind: "piece", type: "thinking", block: "1", text: "hm" }],
    ],
    [out({ kind: "thinking", block: "1", text: "" }), []],
    [
      out({ kind: "tool_call", id: "t1", name: "Bash", input: { command: "ls" } }),
      [event("tool_call", { id: "t1", name: "Bash", input: { command: "ls" } })],
    ],
    [
      out({ kind: "tool_result", id: "t1", name: "Bash", content: "a b", isError: true }),
      [event("tool_result", { tool_use_id: "t1", name: "Bash", content: "a b", is_error: true })],
    ],
    [
      out({ kind: "iteration", stopReason: "tool_use" }),
      [event("iteration_end", { stop_reason: "tool_use" })],
    ],
    [out({ kind: "other", type: "status", data: { x: 1 } }), [event("status", { x: 1 })]],
    [
      { type: "header", title: "T", model: "m", provider: "p", threadId: "th" },
      [event("session_info", { title: "T", model: "m", provider: "p", thread_id: "th", runner: "r" })],
    ],
    [{ type: "metadata", key: "tokens", value: { input: 3 } }, [event("usage", { tokens: { input: 3 } })]],
    [{ type: "heartbeat", elapsedS: 5, done: false }, []],
    [{ type: "permission_request", requestId: "q", toolName: "Bash", toolInput: {} }, []],
    [{ type: "permission_resolved", requestId: "q", allow: true, resolvedBy: "user" }, []],
    [error("E"), [event("error", { code: "E", message: "it was E" })]],
    [exit(0), []],
    [exit(null), []],
    [exit(3), [event("error", { code: "RUNNER_EXIT", message: "the agent ended with 3" })]],
    [AWAITING, []],
    [final("done"), []],
  ])("%# %j", (callback, adds) => {
    expect(told([callback]).told).toEqual(adds);
  });
});

describe("a final output is held until the turn is over", () => {
  test("and is said then, if nothing of it was", () => {
    expect(told([final("done"), AWAITING]).told).toEqual([text("done", "final")]);
  });

  test("also if an error ends it", () => {
    expect(told([final("done"), error("E")]).told.map((it) => it.kind)).toEqual(["piece", "event"]);
  });

  test("what was said in pieces is not said again; the end has the clean text", () => {
    const { told: all, state } = told([piece("step "), piece("done", "1"), final("done"), AWAITING]);
    expect(all).toEqual([text("step "), text("done", "1")]);
    expect(endOf(state)).toEqual({ outcome: "finished", data: { result_text: "done" } });
  });

  test("structured data is a work product", () => {
    const structured = out({ kind: "final", text: "", data: [1] });
    expect(told([structured, AWAITING]).told).toEqual([event("work_product", { kind: "result", data: [1] })]);
  });
});

test("a block that came in pieces does not come again as a whole", () => {
  const whole = (block: string): RunnerEvent => out({ kind: "text", block, text: "ab" });
  expect(told([piece("a"), piece("b"), whole("0"), whole("1"), whole("1")]).told).toEqual([
    text("a"),
    text("b"),
    text("ab", "1"),
  ]);
});

describe("the back end's name of the conversation", () => {
  const header = (threadId: string): RunnerEvent => ({ type: "header", threadId });
  test('is kept once in a turn, and "unknown" is none', () => {
    expect(told([header("unknown"), header("a"), header("b")]).state.threadId).toBe("a");
  });
  test("replaces that of the turn before", () => {
    expect(told([], "old").state.threadId).toBe("old");
    expect(told([header("unknown")], "old").state.threadId).toBe("old");
    expect(told([header("new")], "old").state.threadId).toBe("new");
  });
});

describe("how a turn ended", () => {
  test.each<[RunnerEvent[], object]>([
    [[], { outcome: "finished", data: {} }],
    [[AWAITING], { outcome: "finished", data: {} }],
    [
      [{ type: "awaiting_input", reason: "max_iterations" }],
      { outcome: "finished", data: { reason: "max_iterations" } },
    ],
    [[exit(0)], { outcome: "finished", data: {} }],
    [[exit(1)], { outcome: "failed" }],
    [[AWAITING, exit(1)], { outcome: "finished", data: {} }],
    [[error("A"), error("B")], { outcome: "failed" }],
    [[error("A"), AWAITING], { outcome: "failed" }],
    [[error("A", true), AWAITING], { outcome: "finished", data: {} }],
    [[error("A"), exit(1)], { outcome: "failed" }],
  ])("%# %j", (events, end) => {
    expect(endOf(told(events).state)).toEqual(end);
  });

  test("an exit behind an error or an answer is no second error", () => {
    expect(told([error("A"), exit(1)]).told).toHaveLength(1);
    expect(told([AWAITING, exit(1)]).told).toHaveLength(0);
  });

  test("the end repeats a long answer only in part", () => {
    const { data } = endOf(told([final("é".repeat(20_000)), AWAITING]).state);
    expect(data).toMatchObject({ truncated: true, chars: 20_000 });
    expect(JSON.stringify(data).length).toBeLessThan(17_000);
  });
});

test("BOUND-1: whatever an agent says fits into events that can be read, and texts lose nothing", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  const unit = fc.constantFrom("a", "é", "\u0001", "😀", "\ud800");
  const long = fc.tuple(unit, fc.integer({ min: 0, max: 300_000 })).map(([it, times]) => it.repeat(times));
  const property = fc.property(long, fc.integer({ min: 1, max: 100 }), (it, depth) => {
    const all = told([
      piece(it),
      out({ kind: "tool_call", id: "1", name: "x", input: { it, deep: nested(depth) } }),
      out({ kind: "tool_result", id: "1", content: it, isError: false }),
      out({ kind: "final", text: it, data: { it } }),
      AWAITING,
    ]).told;
    const texts = all.filter((one) => one.kind === "piece").map((one) => one.text);
    expect(texts.join("") === it).toBe(true);
    for (const one of all) {
      const bytes = Buffer.from(JSON.stringify(one.kind === "piece" ? { text: one.text } : one.data));
      expect(parseJsonWithin(bytes, EVENT_DATA)).toBeDefined();
    }
  });
  fc.assert(property, { numRuns: 12 });
});
