import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { newReading, read, type Reading } from "../../../../src/agents/claude-subprocess/messages.ts";
import type { SdkMessage } from "../../../../src/agents/claude-subprocess/sdk.ts";
import type { Reported } from "../../../../src/agents/port.ts";

/** What real messages of the CLI (2.1.332, at a scripted model) were, without those that the SDK threw. */
function sample(name: string): SdkMessage[] {
  const file = resolve(import.meta.dirname, `../../../fixtures/agents/${name}.ndjson`);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as SdkMessage).filter((it) => !("thrown" in it));
}

function readAll(messages: readonly SdkMessage[]): { reports: Reported[]; state: Reading } {
  let state = newReading();
  const reports = messages.flatMap((message) => {
    const [next, found] = read(state, message);
    state = next;
    return found;
  });
  return { reports, state };
}

/** A report in a few words; pieces that follow each other are one. */
function words(reports: readonly Reported[]): string[] {
  const said: string[] = [];
  for (const it of reports) {
    const last = said.at(-1);
    if (it.type !== "output") said.push(it.type === "metadata" ? it.key : it.type);
    else if (it.output.kind === "piece") {
      const name = `${it.output.of} ${it.output.block}: `;
      if (last?.startsWith(name) === true) said[said.length - 1] = last + it.output.text;
      else said.push(name + it.output.text);
    } else if (it.output.kind === "tool_call") said.push(`call ${it.output.name}`);
    else if (it.output.kind === "tool_result") said.push(`result ${it.output.name} ${it.output.isError}`);
    else if (it.output.kind === "iteration") said.push(`iteration ${it.output.stopReason}`);
    else if (it.output.kind === "final") said.push(`final ${it.output.text}`);
    else if (it.output.kind !== "other") said.push(`whole ${it.output.kind} ${it.output.block}`);
    else said.push(`other ${JSON.stringify(it.output.data)}`);
  }
  return said;
}

describe("recorded turns", () => {
  test("thinking, text, tools that succeed and fail, and the answer", () => {
    const { reports, state } = readAll(sample("claude-tools"));
    const ids = new Map<string, string>();
    const named = words(reports).map((it) =>
      it.replace(/msg_\d+/, (id) => ids.get(id) ?? ids.set(id, `m${ids.size + 1}`).get(id) ?? ""),
    );
    expect(named).toEqual([
      "header",
      "thinking m1:0: Let me look.",
      "whole thinking m1:0",
      "text m1:1: Looking. ",
      "whole text m1:1",
      "call Bash",
      "result Bash false",
      "iteration tool_use",
      "call Bash",
      "result Bash true",
      "iteration tool_use",
      "text m2:0: All ",
      "whole text m2:0",
      "text m2:1: done.",
      "whole text m2:1",
      "iteration end_turn",
      "tokens",
      "total_cost_usd",
      "duration_ms",
      "final done.",
    ]);
    expect(state.result).toBe("answered");
    expect(reports[0]).toEqual({
      type: "header",
      provider: "anthropic",
      model: "claude-sonnet-4-5",
      threadId: "11111111-2222-4333-8444-555555555555",
    });
  });

  test("a failure of the API is a failed turn, although the CLI calls it a success", () => {
    const { reports, state } = readAll(sample("claude-refused"));
    expect(words(reports)).toEqual(["header", "error", "tokens", "total_cost_usd", "duration_ms", "error"]);
    expect(reports[1]).toMatchObject({ code: "API_RETRY", recoverable: true, details: { status: 401 } });
    expect(reports.at(-1)).toEqual({
      type: "error",
      code: "CLAUDE_RESULT_ERROR",
      message: "Failed to authenticate. API Error: 401 scripted authentication_error",
      details: { status: 401, reason: "authentication_failed" },
    });
    expect(state.result).toBe("failed");
  });

  test("an interrupt is a result that failed", () => {
    const { state } = readAll(sample("claude-interrupted"));
    expect(state.result).toBe("failed");
  });
});

const init = (id: string): SdkMessage => ({ type: "system", subtype: "init", session_id: id, model: "m" });
const assistant = (content: object[], of: object = {}): SdkMessage => ({
  type: "assistant",
  message: { id: "a", content },
  ...of,
});

test("a header comes once for each name of the conversation", () => {
  const headers = readAll([init("1"), init("1"), init("2")]).reports;
  expect(headers.map((it) => it.type === "header" && it.threadId)).toEqual(["1", "2"]);
});

test("blocks keep their order and their numbers over several messages; empty ones are none", () => {
  const { reports } = readAll([
    assistant([{ type: "thinking", thinking: "" }]),
    assistant([
      { type: "text", text: "one" },
      { type: "tool_use", id: "t", name: "Read", input: { a: 1 } },
    ]),
    assistant([{ type: "text", text: "two" }]),
  ]);
  expect(words(reports)).toEqual(["whole text a:1", "call Read", "whole text a:3"]);
});

test("a tool's result is read whatever its form", () => {
  const user = (content: unknown): SdkMessage => ({
    type: "user",
    message: { content: [{ type: "tool_result", tool_use_id: "t", content }] },
  });
  const texts = [
    "plain",
    [{ type: "text", text: "a" }, { type: "image" }],
    undefined,
    [null, { type: "text", text: "b" }],
    7,
  ].map((it) => {
    const [output] = readAll([user(it)]).reports;
    return output?.type === "output" && output.output.kind === "tool_result" && output.output.content;
  });
  expect(texts).toEqual(["plain", "a\n[image]", "", "[undefined]\nb", "7"]);
});

test("what a sub-agent says is no text of the turn", () => {
  const { reports } = readAll([
    { type: "stream_event", parent_tool_use_id: "p", event: { type: "message_start", message: { id: "x" } } },
    assistant([{ type: "text", text: "sub" }], { parent_tool_use_id: "p" }),
  ]);
  expect(words(reports)).toEqual(['other {"status":"subagent","tool_use_id":"p","text":"sub"}']);
});

test.each<[SdkMessage, string[]]>([
  [{ type: "result", subtype: "error_max_turns", is_error: true }, ["awaiting_input"]],
  [{ type: "result", subtype: "error_during_execution", errors: ["a", "b"] }, ["error"]],
  [{ type: "result", subtype: "success", is_error: false, result: "x" }, ["final x"]],
  [
    { type: "brand_new", session_id: "s", uuid: "u", x: 1 },
    ['other {"status":"brand_new","claude":{"type":"brand_new","x":1}}'],
  ],
  [{ type: "system", subtype: "status", status: "requesting" }, []],
  [{ type: "stream_event", event: null }, []],
  [
    {
      type: "stream_event",
      event: { type: "content_block_delta", delta: { type: "text_delta", text: "lost" } },
    },
    [],
  ],
  [{ type: "user" }, []],
  [{ type: "assistant" }, []],
])("%# %j", (message, said) => {
  expect(words(readAll([message]).reports)).toEqual(said);
});

test("no cost is no event of costs", () => {
  const result = {
    type: "result",
    subtype: "success",
    result: "",
    usage: { input_tokens: 1, output_tokens: 2 },
  };
  expect(words(readAll([result]).reports)).toEqual(["tokens", "final "]);
});
