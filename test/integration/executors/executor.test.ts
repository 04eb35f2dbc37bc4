import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { invocationOf } from "../../support/executor.ts";
import { openWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const TOOL = { type: "tool_call", data: { id: "1", name: "Bash", input: { command: "ls" } } };
const DONE = { type: "tool_result", data: { tool_use_id: "1", content: "a b", is_error: false } };
const FAILED = { type: "tool_result", data: { tool_use_id: "1", content: "no such file", is_error: true } };
const say = (text: string) => ({ type: "text", data: { text } });

describe("executor --agent http", () => {
  test("a one-shot run: bound with only what the executor owns, all events in order, the result present", async () => {
    const { sessionId } = world.coordinator.createSession();
    const before = world.agent.turns.length;
    await using executor = world.start(
      ["--agent", "http"],
      invocationOf(sessionId, { project_dir: world.folder }),
    );
    const turn = await world.agent.turn(before + 1);
    expect(turn.request).toMatchObject({
      session: { session_id: sessionId, workspace_dir: world.folder },
      request: { user_input: "hi" },
    });
    turn.say(say("Looking. "), TOOL, DONE, TOOL, FAILED, say("Here it is."));
    turn.end();
    expect(await executor.ended).toEqual({ code: 0, signal: null });
    expect(executor.lines()).toEqual([{ type: "turn_complete", result: "Here it is." }]);
    expect(executor.stderr()).toBe("");
    const told = [
      `bind http-${sessionId}`,
      "user: hi",
      "Bash: a b",
      "Bash: no such file (no such file)",
      "assistant: Here it is.",
      "result Here it is.",
    ];
    expect(world.told(sessionId)).toEqual(told);
    const [bind] = world.coordinator.writes(sessionId);
    expect(Object.keys(JSON.parse(bind?.body ?? "{}") as object).sort()).toEqual([
      "executor_profile",
      "executor_session_id",
      "hostname",
      "project_dir",
    ]);
    expect(world.coordinator.state.sessions.result(sessionId)).toEqual({
      result_text: "Here it is.",
      result_data: null,
    });
  });

  test("a persistent run takes turns, one process for all of them, until it is told to shut down", async () => {
    const { sessionId } = world.coordinator.createSession();
    const before = world.agent.turns.length;
    await using executor = world.start(["--agent", "http"], invocationOf(sessionId), {
      lifecycle: "persistent",
    });
    const first = await world.agent.turn(before + 1);
    first.say(say("One."));
    first.end();
    expect(await executor.turn(1)).toEqual({ type: "turn_complete", result: "One." });
    executor.send({ type: "later" });
    executor.send({ type: "turn", parameters: { prompt: "more" } });
    const second = await world.agent.turn(before + 2);
    await eventually(() => expect(world.told(sessionId).at(-1)).toBe("user: more")); // before it has answered
    second.say(say("Two."));
    second.end();
    expect(await executor.turn(2)).toEqual({ type: "turn_complete", result: "Two." });
    executor.send({ type: "shutdown" });
    expect(await executor.ended).toEqual({ code: 0, signal: null });
    const turns = [
      "user: hi",
      "assistant: One.",
      "result One.",
      "user: more",
      "assistant: Two.",
      "result Two.",
    ];
    expect(world.told(sessionId)).toEqual([`bind http-${sessionId}`, ...turns]);
    expect(executor.stderr()).toBe("a line of an unknown type on stdin\n");
  });

  test("a result that is data, and a list of it, which the coordinator would refuse", async () => {
    const { sessionId } = world.coordinator.createSession();
    const before = world.agent.turns.length;
    const agent_blueprint = { output_schema: { type: "array" }, parameters_schema: { type: "object" } };
    const parameters = { topic: "birds", count: 2 };
    await using executor = world.start(
      ["--agent", "http"],
      invocationOf(sessionId, { agent_blueprint, parameters }),
    );
    const turn = await world.agent.turn(before + 1);
    const prompt = "<inputs>\ntopic: birds\ncount: 2\n</inputs>";
    expect(turn.request.request["user_input"]).toBe(prompt);
    turn.say(say('["wren","robin"]'));
    turn.end();
    expect((await executor.ended).code).toBe(0);
    expect(executor.lines()).toEqual([{ type: "turn_complete", result: '["wren","robin"]' }]);
    expect(world.told(sessionId).at(-1)).toBe('result {"result":["wren","robin"]}');
  });

  test("a turn that fails is a run that fails, and has no result", async () => {
    const { sessionId } = world.coordinator.createSession();
    const before = world.agent.turns.length;
    await using executor = world.start(["--agent", "http"], invocationOf(sessionId), {
      lifecycle: "persistent",
    });
    const turn = await world.agent.turn(before + 1);
    turn.say(TOOL, { type: "error", data: { code: "NO_CREDIT", message: "nothing left" } });
    turn.end();
    expect((await executor.ended).code).toBe(1);
    expect(executor.stderr()).toBe(
      `Error: Start failed for session '${sessionId}': NO_CREDIT: nothing left\n`,
    );
    expect(executor.stdout()).toBe("");
    expect(world.told(sessionId).at(-1)).toBe("Bash:  (the turn ended before this tool had answered)");
  });
});

describe("executor test", () => {
  test("answers what it received, remembers the session, and resumes it without a bind", async () => {
    const { sessionId } = world.coordinator.createSession();
    await using first = world.start(["test"], invocationOf(sessionId));
    expect((await first.ended).code).toBe(0);
    expect(first.stdout()).toBe("[TEST-EXECUTOR] Received: hi\n");
    await using again = world.start(["test"], invocationOf(sessionId));
    expect((await again.ended).code).toBe(1);
    expect(again.stderr()).toBe(`Error: Session '${sessionId}' already exists locally\n`);
    await using resumed = world.start(
      ["test"],
      invocationOf(sessionId, { mode: "resume", parameters: { prompt: "more" } }),
    );
    expect((await resumed.ended).code).toBe(0);
    expect(resumed.stdout()).toBe("[TEST-EXECUTOR] Received: more\n");
    const [bind, ...events] = world.told(sessionId);
    expect(bind).toMatch(/^bind [\da-f-]{36}$/);
    const turn = (of: string) => [
      `user: ${of}`,
      `assistant: [TEST-EXECUTOR] Received: ${of}`,
      `result [TEST-EXECUTOR] Received: ${of}`,
    ];
    expect(events).toEqual([...turn("hi"), ...turn("more")]);
  });

  test("does not know a session that it did not begin", async () => {
    await using executor = world.start(["test"], invocationOf("ses_other", { mode: "resume" }));
    expect((await executor.ended).code).toBe(1);
    expect(executor.stderr()).toBe("Error: Session 'ses_other' not found locally\n");
  });
});

describe("resume", () => {
  test("goes on with what the coordinator knows: bound again, with the time, and the answer alone on stdout", async () => {
    const { sessionId } = world.coordinator.createSession();
    await using first = world.start(["--agent", "echo"], invocationOf(sessionId));
    expect((await first.ended).code).toBe(0);
    await using executor = world.start(
      ["--agent", "echo"],
      invocationOf(sessionId, { mode: "resume", parameters: { prompt: "more" } }),
    );
    expect((await executor.ended).code).toBe(0);
    expect(executor.stdout()).toBe("more\n");
    const told = [`bind echo-${sessionId}`, "metadata", "user: more", "assistant: more", "result more"];
    expect(world.told(sessionId).slice(-5)).toEqual(told);
    expect(world.coordinator.state.sessions.get(sessionId)).toMatchObject({
      last_resumed_at: expect.any(String),
    });
  });

  test.each([
    ["that there is not", "ses_unknown", "Error: Resume failed: Session 'ses_unknown' not found.\n"],
    [
      "that was never bound",
      "ses_unbound",
      "Error: Resume failed: Session 'ses_unbound' has no executor_session_id (status=pending). It was never bound to an executor.\n",
    ],
  ])("of a session %s fails", async (_, session, words) => {
    if (session === "ses_unbound") world.coordinator.createSession(session);
    await using executor = world.start(["--agent", "echo"], invocationOf(session, { mode: "resume" }));
    expect((await executor.ended).code).toBe(1);
    expect(executor.stderr()).toBe(words);
  });
});
