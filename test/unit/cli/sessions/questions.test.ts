import { expect, test } from "vitest";
import { GatewayError, type SessionEvent } from "../../../../src/client/sessions/index.ts";
import { answer } from "../../../../src/cli/sessions/questions.ts";

const event = (type: string, data: Record<string, unknown>): SessionEvent => ({
  seq: 1,
  session_id: "s",
  type,
  source: "worker",
  data,
  timestamp: "",
  cursor: "1.log",
});
const permission = event("permission_request", { request_id: "r", tool_name: "Bash" });

/** Somebody who says this at a terminal, or nobody; and what the server gets. */
function asked(said: string | undefined, refuses?: Error) {
  const calls: unknown[] = [];
  const notes: string[] = [];
  const call =
    (name: string) =>
    async (_: unknown, ...given: unknown[]) => {
      if (refuses !== undefined) throw refuses;
      calls.push([name, ...given]);
    };
  const context = { ask: async (question: string) => (notes.push(question), said) };
  const of = {
    client: { decide: call("decide"), input: call("input") },
    session: "s",
    note: (text: string) => void notes.push(text),
  };
  return { calls, notes, by: (it: SessionEvent) => answer(context, of, it) };
}

test.each(["y", "yes", " Y "])("ASK-1: %j allows", async (said) => {
  const { calls, notes, by } = asked(said);
  await by(permission);
  expect(notes).toEqual(["Allow Bash? [y/N] "]);
  expect(calls).toEqual([["decide", "r", { allow: true }]]);
});

test.each(["", "n", "no", "yellow", "yes please"])("ASK-1: %j refuses", async (said) => {
  const { calls, by } = asked(said);
  await by(permission);
  expect(calls).toEqual([["decide", "r", { allow: false, message: "the user refused" }]]);
});

test("ASK-1: where nobody can be asked it is refused, and that is said to both", async () => {
  const { calls, notes, by } = asked(undefined);
  await by(permission);
  expect(calls).toEqual([
    ["decide", "r", { allow: false, message: expect.stringMatching(/nobody/) as string }],
  ]);
  expect(notes[1]).toMatch(/no terminal.*Bash/);
});

test("an answer that came too late is said, any other refusal is an error", async () => {
  const late = asked("y", new GatewayError("question_closed", "409: closed", { status: 409 }));
  await late.by(permission);
  expect(late.notes[1]).toMatch(/answered elsewhere/);
  const refused = asked("y", new GatewayError("scope_missing", "403", { status: 403 }));
  await expect(refused.by(permission)).rejects.toMatchObject({ code: "scope_missing" });
});

test("what the agent wants to know is asked at the terminal, and left open without one", async () => {
  const question = event("input_required", { input_id: "i", message: "Which one?" });
  const there = asked("the first");
  await there.by(question);
  expect(there.calls).toEqual([["input", { input_id: "i", response: "the first" }]]);
  const away = asked(undefined);
  await away.by(question);
  expect(away.calls).toEqual([]);
  expect(away.notes[1]).toMatch(/no terminal/);
});

test("nothing else is a question", async () => {
  const { notes, by } = asked("y");
  await by(event("text", { text: "Allow?" }));
  await by(event("permission_request", {}));
  expect(notes).toEqual([]);
});
