import { expect, test } from "vitest";
import { execArguments } from "../../../../src/agents/codex/exec.ts";
import { newExecReading, readExec } from "../../../../src/agents/codex/exec-reading.ts";
import type { Reported } from "../../../../src/agents/port.ts";
import { plainly, sampleOf } from "../../../support/played-agent.ts";

function readAll(
  lines: readonly Record<string, unknown>[],
  wantsData = false,
): { said: Reported[]; end: string | undefined } {
  let reading = newExecReading(wantsData);
  const said: Reported[] = [];
  for (const line of lines) {
    const [next, reports] = readExec(reading, line);
    reading = next;
    said.push(...reports);
  }
  return { said, end: reading.end };
}

test("the recorded lines: a warning is no failure, and the last text is what the turn came to", () => {
  const { said, end } = readAll(sampleOf("codex-exec"));
  expect(plainly(said)).toEqual([
    "header",
    "status warning",
    "text whole Looking now.",
    "tool_call shell",
    "tool_result ok alpha\n",
    expect.stringMatching(/^text whole The file says/),
    "metadata",
    expect.stringMatching(/^final whole The file says/),
    "awaiting_input",
  ]);
  expect(said.find(({ type }) => type === "metadata")).toMatchObject({ key: "thread_tokens" });
  expect(end).toBe("completed");
});

test("a failed turn: what it tries again is not its end", () => {
  const { said, end } = readAll([
    { type: "thread.started", thread_id: "t" },
    { type: "error", message: "reconnecting 1/5" },
    { type: "turn.failed", error: { message: "scripted 500" } },
  ]);
  expect(said.slice(1)).toEqual([
    { type: "error", code: "CODEX_RETRIES", message: "reconnecting 1/5", recoverable: true },
    { type: "error", code: "CODEX_FAILED", message: "scripted 500" },
  ]);
  expect(end).toBe("failed");
});

const CONFIG = { command: "codex", model: "m", env: {}, settings: ["a=b"] };

test.each([
  [0, "--sandbox read-only"],
  [1, "--sandbox workspace-write"],
  [2, "--dangerously-bypass-approvals-and-sandbox"],
] as const)("with approval %s: %s, because nobody can be asked", (choice, flags) => {
  const args = execArguments(CONFIG, { workspace: "/w", threadId: "t", choice }).join(" ");
  expect(args).toContain(flags);
  expect(args).toMatch(/^exec --json .*-c a=b .*-m m -C \/w resume t -$/);
});

test("with a schema the last text is its data; a text that is none is shown as it is", () => {
  const ending = { type: "turn.completed", usage: {} };
  const answer = (text: string): Record<string, unknown> => ({
    type: "item.completed",
    item: { id: "1", type: "agent_message", text },
  });
  const finalOf = (text: string, wantsData: boolean): unknown =>
    readAll([answer(text), ending], wantsData).said.flatMap((it) =>
      it.type === "output" && it.output.kind === "final" ? [it.output] : [],
    )[0];
  expect(finalOf('{"n":7}', true)).toEqual({ kind: "final", text: '{"n":7}', data: { n: 7 } });
  expect(finalOf("no data", true)).toEqual({ kind: "final", text: "no data" });
  expect(finalOf('{"n":7}', false)).toEqual({ kind: "final", text: '{"n":7}' });
  const turn = { workspace: "/w", threadId: undefined, choice: 0 as const, schema: "/s.json" };
  const config = { command: "codex", model: undefined, env: {}, settings: [] };
  expect(execArguments(config, turn).join(" ")).toContain("--output-schema /s.json");
});
