import { expect, test } from "vitest";
import { codexRunner } from "../../../../src/agents/codex/index.ts";
import type { CodexConfig } from "../../../../src/agents/codex/index.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { playAgent, plainly, playSession, sampleOf, type Played } from "../../../support/played-agent.ts";

const CONFIG: CodexConfig & { exec: boolean } = {
  command: "codex",
  model: undefined,
  env: { OPENAI_API_KEY: "k" },
  settings: ["model_provider=mine"],
  exec: false,
};

type Line = { to?: Record<string, unknown>; from?: Record<string, unknown> };

/** Plays the recorded app server: what it said between one of the client's messages and the next. */
function recorded(from = 0, to = Infinity): Played {
  const parts: object[][] = [];
  for (const { to: sent, from: said } of sampleOf("codex-appserver") as Line[]) {
    if (sent !== undefined) parts.push([]);
    else if (said !== undefined) parts.at(-1)?.push(said);
  }
  const left = parts.slice(from, to);
  return playAgent(() => left.shift() ?? []);
}

const clock = createFakeClock();

test("a recorded turn with a permission: the same events in the same order, and the decision goes back", async () => {
  const played = recorded(0, 5);
  const session = playSession(played.spawn);
  await codexRunner(CONFIG, clock).start(session, "go", 0);
  expect(plainly(session.said)).toEqual([
    "status warning",
    "header",
    "status warning",
    "text I will touch a file.",
    "text whole I will touch a file.",
    "tool_call shell",
    "tool_result ok exit code 0",
    "iteration",
    expect.stringMatching(/^text done: /),
    expect.stringMatching(/^text whole done: /),
    "iteration",
    "metadata",
    expect.stringMatching(/^final whole done: /),
    "awaiting_input",
  ]);
  expect(session.asks).toMatchObject([
    {
      toolName: "shell",
      toolInput: { command: "/bin/bash -lc 'touch made.txt'" },
      toolUseId: "call_1",
      title: "need write",
    },
  ]);
  expect(played.heard.map(({ method, result }) => method ?? result)).toEqual([
    "initialize",
    "initialized",
    "thread/start",
    "turn/start",
    { decision: "accept" },
  ]);
  expect(session.said.find(({ type }) => type === "metadata")).toMatchObject({
    key: "tokens",
    value: { input: 100, cached: 10, output: 24 },
  });
  expect(session.said[1]).toMatchObject({ threadId: "01a225f1-ab75-7731-8fe0-3c85282536c4" });
  expect(played.commands).toMatchObject([
    {
      file: "codex",
      args: expect.arrayContaining(["app-server", "model_provider=mine"]),
      env: { OPENAI_API_KEY: "k" },
    },
  ]);
});

test("what is not allowed is declined", async () => {
  const played = recorded(0, 5);
  const ask = (): Promise<{ allow: boolean }> => Promise.resolve({ allow: false });
  await codexRunner(CONFIG, clock).start(playSession(played.spawn, { ask }), "go", 0);
  expect(played.heard.at(-1)).toMatchObject({ id: 0, result: { decision: "decline" } });
});

/** Answers as far as to a turn that runs; everything else as `then` says. */
function running(then: (message: Record<string, unknown>) => object[] = () => []): Played {
  return playAgent((message) => {
    const { id, method } = message;
    if (method === "initialize") return [{ id, result: {} }];
    if (method === "thread/start") return [{ id, result: { thread: { id: "th_new" }, model: "m" } }];
    if (method === "turn/start") return [{ id, result: { turn: { id: "tu_1" } } }];
    return then(message);
  });
}

const completed = (turn: object): object => ({
  method: "turn/completed",
  params: { turn: { id: "tu_1", ...turn } },
});

test("a stop interrupts the turn, and nothing is said of a failure", async () => {
  const played = running(({ method, id }) =>
    method === "turn/interrupt" ? [{ id, result: {} }, completed({ status: "interrupted" })] : [],
  );
  const session = playSession(played.spawn);
  const runner = codexRunner(CONFIG, clock);
  const over = runner.start(session, "go", 2);
  await expect.poll(() => played.heard.map(({ method }) => method)).toContain("turn/start");
  await runner.stop(session);
  await over;
  expect(played.heard.at(-1)).toMatchObject({
    method: "turn/interrupt",
    params: { threadId: "th_new", turnId: "tu_1" },
  });
  expect(session.said.filter(({ type }) => type === "error")).toEqual([]);
});

test("one that does not heed the interrupt is ended", async () => {
  const fake = createFakeClock();
  const played = running();
  const session = playSession(played.spawn);
  const runner = codexRunner(CONFIG, fake);
  const over = runner.start(session, "go", 0);
  await expect.poll(() => played.heard.map(({ method }) => method)).toContain("turn/start");
  const stopping = runner.stop(session);
  await fake.pass(600);
  expect(await stopping).toBe(0);
  await over;
});

test("input in the turn steers it", async () => {
  const played = running(({ method, id }) =>
    method === "turn/steer" ? [{ id, result: {} }, completed({ status: "completed" })] : [],
  );
  const session = playSession(played.spawn);
  const runner = codexRunner(CONFIG, clock);
  const over = runner.start(session, "go", 0);
  await expect.poll(() => played.heard.map(({ method }) => method)).toContain("turn/start");
  await expect
    .poll(() =>
      runner.sendInput(session, "and more").then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await over;
  expect(played.heard.at(-1)).toMatchObject({
    params: { expectedTurnId: "tu_1", input: [{ text: "and more" }] },
  });
});

test("a conversation that Codex has lost is said, and a new one begins", async () => {
  const played = running(({ method, id }) =>
    method === "thread/resume" ? [{ id, error: { code: -1, message: "no rollout found" } }] : [],
  );
  const session = playSession(played.spawn, { threadId: "th_old" });
  const over = codexRunner(CONFIG, clock).start(session, "go", 1);
  await expect.poll(() => played.heard.map(({ method }) => method)).toContain("turn/start");
  played.say(completed({ status: "completed" }));
  await over;
  expect(session.said.slice(0, 2)).toMatchObject([
    { type: "error", code: "THREAD_LOST", recoverable: true },
    { type: "header", threadId: "th_new", model: "m" },
  ]);
});

test("a turn that failed says why once", async () => {
  const played = running();
  const session = playSession(played.spawn);
  const over = codexRunner(CONFIG, clock).start(session, "go", 0);
  await expect.poll(() => played.heard.map(({ method }) => method)).toContain("turn/start");
  const error = { message: "scripted 400" };
  played.say(
    { method: "error", params: { error, willRetry: false } },
    completed({ status: "failed", error }),
  );
  await over;
  expect(session.said.filter(({ type }) => type === "error")).toEqual([
    { type: "error", code: "CODEX_FAILED", message: "scripted 400" },
  ]);
});

test("one that dies in its turn fails it, and one that cannot be started is not available", async () => {
  const played = running();
  const over = codexRunner(CONFIG, clock).start(playSession(played.spawn), "go", 0);
  await expect.poll(() => played.heard.map(({ method }) => method)).toContain("turn/start");
  played.end(1);
  await expect(over).rejects.toThrow("codex ended in the turn");

  for (const words of ["sh: 1: exec: codex: not found\n", "error: unrecognized subcommand 'app-server'\n"]) {
    const missing = running();
    const failed = codexRunner(CONFIG, clock).start(playSession(missing.spawn), "go", 0);
    await expect.poll(() => missing.heard.length).toBeGreaterThan(0);
    missing.complain(words);
    missing.end(127);
    await expect(failed).rejects.toMatchObject({
      code: "AGENT_UNAVAILABLE",
      message: expect.stringContaining(words.trim()),
    });
  }
});
