import { expect, test } from "vitest";
import { execArguments } from "../../../../src/agents/codex/exec.ts";
import { NEW_EXEC_READING, readExec } from "../../../../src/agents/codex/exec-reading.ts";
import type { Reported } from "../../../../src/agents/port.ts";
import { plainly, sampleOf } from "../../../support/played-agent.ts";

function readAll(lines: readonly Record<string, unknown>[]): { said: Reported[]; end: string | undefined } {
  let reading = NEW_EXEC_READING;
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
