import { expect, test } from "vitest";
import type { AgentEvents, AgentTurn, AgentWish, Answer } from "../../../src/agents/agent.ts";
import { agentOf } from "../../../src/agents/conduct.ts";
import {
  RunnerUnavailableError,
  type ApprovalChoice,
  type Runner,
  type RunnerSession,
} from "../../../src/agents/port.ts";
import { promises } from "../../support/fake-clock.ts";

const TURN: AgentTurn = {
  session: { id: "s", user: "ann", workspace: "/w", metadata: {}, options: {} },
  turn: "t",
  request: { user_input: "hello" },
  thread: { runner: "scripted", id: "th-0" },
  mode: undefined,
  spawn: () => Promise.reject(new Error("it runs no programs")),
};

type World = {
  runner: Runner;
  calls: unknown[];
  /** Of the turn that runs. */
  session: () => RunnerSession;
  finish: (error?: Error) => void;
};

/** A runner whose turns the test runs. */
function scripted(input?: Error): World {
  const calls: unknown[] = [];
  const over = Promise.withResolvers<void>();
  let session: RunnerSession | undefined;
  const runner: Runner = {
    runnerType: "scripted",
    async start(of, prompt, choice) {
      session = of;
      calls.push(["start", prompt, choice]);
      await over.promise;
    },
    async sendInput(_, text) {
      if (input !== undefined) throw input;
      calls.push(["input", text]);
    },
    async stop() {
      calls.push(["stop"]);
      over.resolve();
      return null;
    },
    updatePermissionMode: (_, choice: ApprovalChoice) => void calls.push(["mode", choice]),
  };
  return {
    runner,
    calls,
    session: () => session as RunnerSession,
    finish: (error) => (error === undefined ? over.resolve() : over.reject(error)),
  };
}

function recorder(answer: Answer = { allow: true }): {
  events: AgentEvents;
  heard: string[];
  wish: (wish: AgentWish) => void;
} {
  const heard: string[] = [];
  let hear: ((wish: AgentWish) => void) | undefined;
  return {
    heard,
    wish: (it) => hear?.(it),
    events: {
      piece: (type, _, text) => void heard.push(`${type} ${text}`),
      tell: (type, data) => void heard.push(`${type} ${JSON.stringify(data)}`),
      room: () => Promise.resolve(),
      ask(data) {
        heard.push(`asked ${JSON.stringify(data)}`);
        return Promise.resolve(answer);
      },
      hear: (listener) => void (hear = listener),
    },
  };
}

const RUNNING = new AbortController().signal;

test("a runner gets its session, the prompt and the choice, and its turn ends as it says", async () => {
  const { runner, calls, session, finish } = scripted();
  const { events, heard } = recorder();
  const options = { approval: "accept_edits" };
  const turn = { ...TURN, session: { ...TURN.session, options } };
  const over = agentOf(runner).run(turn, events, RUNNING);
  expect(calls).toEqual([["start", "hello", 1]]);
  expect(session()).toMatchObject({ id: "s", user: "ann", workspace: "/w", options, threadId: "th-0" });
  session().emit({ type: "output", output: { kind: "final", text: "done" } });
  session().emit({ type: "awaiting_input" });
  finish();
  expect(await over).toEqual({ outcome: "finished", data: { result_text: "done" } });
  expect(heard).toEqual(["text done"]);
});

test("a mode that a client set counts more than the session's options; a thread of another runner is none", async () => {
  const { runner, calls, session, finish } = scripted();
  const turn: AgentTurn = { ...TURN, mode: "bypass", thread: { runner: "other", id: "x" } };
  const over = agentOf(runner).run(turn, recorder().events, RUNNING);
  expect(calls).toEqual([["start", "hello", 2]]);
  expect(session().threadId).toBeUndefined();
  finish();
  await over;
});

test("nothing is said, asked or allowed of a turn that is over", async () => {
  const { runner, session, finish } = scripted();
  const { events, heard } = recorder();
  const over = agentOf(runner).run(TURN, events, RUNNING);
  finish();
  await over;
  session().emit({ type: "error", code: "E", message: "late" });
  session().emit({ type: "heartbeat", elapsedS: 1, done: true });
  expect((await session().ask({ toolName: "Bash", toolInput: {} })).allow).toBe(false);
  expect(heard).toEqual([]);
});

test.each([
  [
    new RunnerUnavailableError("the sidecar is not reachable"),
    "AGENT_UNAVAILABLE",
    "the sidecar is not reachable",
  ],
  [new Error("boom"), "RUNNER_ERROR", "boom"],
])("what a runner throws fails the turn: %s", async (error, code, message) => {
  const { runner, finish } = scripted();
  const { events, heard } = recorder();
  const over = agentOf(runner).run(TURN, events, RUNNING);
  finish(error);
  expect(await over).toEqual({ outcome: "failed" });
  expect(heard).toEqual([`error ${JSON.stringify({ code, message })}`]);
});

test("a turn that is ended stops its runner once, also if that was so before it began", async () => {
  for (const early of [true, false]) {
    const ending = new AbortController();
    if (early) ending.abort();
    const { runner, calls } = scripted();
    const over = agentOf(runner).run(TURN, recorder().events, ending.signal);
    ending.abort();
    await over;
    expect(calls).toEqual([["start", "hello", 0], ["stop"]]);
  }
});

test("input and modes reach the runner; what it does not take is an error from which it recovers", async () => {
  const { runner, calls, finish } = scripted();
  const { events, heard, wish } = recorder();
  const over = agentOf(runner).run(TURN, events, RUNNING);
  wish({ kind: "input", text: "left" });
  wish({ kind: "mode", mode: "acceptEdits" });
  wish({ kind: "mode", mode: "yolo" });
  finish();
  await over;
  expect(calls.slice(1)).toEqual([
    ["input", "left"],
    ["mode", 1],
  ]);
  expect(heard).toEqual([expect.stringMatching(/^error .*MODE_UNKNOWN.*"recoverable":true/)]);
});

test("a runner that hears nothing says so", async () => {
  const { runner, finish } = scripted(new Error("it hears nothing"));
  const { events, heard, wish } = recorder();
  const over = agentOf(runner).run(TURN, events, RUNNING);
  wish({ kind: "input", text: "left" });
  await promises();
  finish();
  expect(await over).toMatchObject({ outcome: "finished" });
  expect(heard).toEqual([expect.stringMatching(/^error .*INPUT_REFUSED.*"recoverable":true/)]);
});

test("ASK-1: only what no rule and no mode decides is asked, and what was to be remembered only once", async () => {
  const { runner, session, finish } = scripted();
  const { events, heard, wish } = recorder({ allow: true, message: "yes", remember: true });
  const options = { permissions: { deny: ["Web"], allow: ["Read"] } };
  const over = agentOf(runner).run({ ...TURN, session: { ...TURN.session, options } }, events, RUNNING);
  const ask = (toolName: string, toolInput: unknown, edits = false): Promise<unknown> =>
    session().ask({ toolName, toolInput, edits });
  expect(await ask("Web", {})).toMatchObject({ allow: false });
  expect(await ask("Read", {})).toEqual({ allow: true });
  expect(heard).toEqual([]);
  expect(await ask("Bash", { command: "ls" })).toEqual({ allow: true, message: "yes" });
  expect(await ask("Bash", { command: "ls" })).toEqual({ allow: true });
  expect(await ask("Bash", { command: "rm" })).toMatchObject({ allow: true });
  expect(await ask("Edit", { file_path: "a" }, true)).toMatchObject({ allow: true });
  expect(heard).toHaveLength(3);
  wish({ kind: "mode", mode: "accept_edits" });
  await ask("Edit", { file_path: "b" }, true);
  expect(heard).toHaveLength(3);
  expect(heard[0]).toBe('asked {"tool_name":"Bash","tool_input":{"command":"ls"}}');
  finish();
  await over;
});

test("a runner that cannot change its mode says so, and does not take its process with it", async () => {
  const { runner, finish } = scripted();
  const broken = (): void => {
    throw new Error("no other mode");
  };
  const { events, heard, wish } = recorder();
  const over = agentOf({ ...runner, updatePermissionMode: broken }).run(TURN, events, RUNNING);
  wish({ kind: "mode", mode: "bypass" });
  await promises();
  finish();
  expect(await over).toMatchObject({ outcome: "finished" });
  expect(heard).toEqual([expect.stringMatching(/^error .*no other mode.*"recoverable":true/)]);
});
