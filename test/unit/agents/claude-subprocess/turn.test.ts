import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { AgentProcess } from "../../../../src/agents/agent.ts";
import { claudeSubprocess } from "../../../../src/agents/claude-subprocess/index.ts";
import type { ClaudeConfig } from "../../../../src/agents/claude-subprocess/options.ts";
import type {
  Sdk,
  SdkMessage,
  SdkOptions,
  SdkUserMessage,
} from "../../../../src/agents/claude-subprocess/sdk.ts";
import {
  RunnerUnavailableError,
  type Asked,
  type Decision,
  type Reported,
  type RunnerSession,
} from "../../../../src/agents/port.ts";
import { createFakeClock, promises } from "../../../support/fake-clock.ts";

const CONFIG: ClaudeConfig = {
  model: undefined,
  apiKey: "k",
  baseUrl: undefined,
  folder: "/data",
  executable: undefined,
  root: false,
};

/** An SDK whose CLI the test is. */
function fakeSdk(): {
  sdk: Sdk;
  options: () => SdkOptions;
  heard: SdkUserMessage[];
  calls: string[];
  say: (...messages: SdkMessage[]) => void;
  end: (error?: Error) => void;
} {
  const heard: SdkUserMessage[] = [];
  const calls: string[] = [];
  const messages = new PassThrough({ objectMode: true });
  let options: SdkOptions | undefined;
  const sdk: Sdk = {
    query({ prompt, options: given }) {
      options = given;
      void (async () => {
        for await (const it of prompt) heard.push(it);
        calls.push("input ended");
      })();
      return {
        [Symbol.asyncIterator]: () => messages[Symbol.asyncIterator]() as AsyncIterator<SdkMessage>,
        async interrupt() {
          calls.push("interrupt");
        },
        async setPermissionMode(mode) {
          calls.push(`mode ${mode}`);
        },
        close: () => void messages.end(),
      };
    },
  };
  return {
    sdk,
    options: () => options as SdkOptions,
    heard,
    calls,
    say: (...of) => void of.map((it) => messages.write(it)),
    end: (error) => void (error === undefined ? messages.end() : messages.destroy(error)),
  };
}

function sessionOf(
  changed: Partial<RunnerSession> = {},
  decision: Decision = { allow: true },
): { session: RunnerSession; reports: Reported[]; asked: Asked[] } {
  const reports: Reported[] = [];
  const asked: Asked[] = [];
  return {
    reports,
    asked,
    session: {
      id: "s",
      user: "ann",
      workspace: "/w",
      metadata: {},
      options: {},
      turn: "t",
      request: {},
      threadId: undefined,
      spawn: () => Promise.reject(new Error("no programs here")),
      emit: (it) => void reports.push(it),
      ask(it) {
        asked.push(it);
        return Promise.resolve(decision);
      },
      ruling: undefined,
      room: () => Promise.resolve(),
      ...changed,
    },
  };
}

const clock = createFakeClock();
const RESULT: SdkMessage = { type: "result", subtype: "success", is_error: false, result: "done" };
const kinds = (reports: readonly Reported[]): string[] => reports.map((it) => it.type);

test("a turn is one query with the prompt, its conversation, and the end at the result", async () => {
  const it = fakeSdk();
  const { session, reports } = sessionOf({ threadId: "th" });
  const over = claudeSubprocess(CONFIG, clock, async () => it.sdk).start(session, "hello", 1);
  await promises();
  expect(it.options()).toMatchObject({ cwd: "/w", resume: "th", permissionMode: "acceptEdits" });
  it.say(RESULT);
  await promises();
  it.end();
  await over;
  expect(it.heard.map(({ message }) => message.content)).toEqual(["hello"]);
  expect(it.calls).toEqual(["input ended"]);
  expect(kinds(reports)).toEqual(["output", "awaiting_input"]);
});

test("what the SDK throws behind a result says nothing new; without a result it fails the turn", async () => {
  const failed: SdkMessage = { type: "result", subtype: "success", is_error: true, result: "no" };
  const first = fakeSdk();
  const { session, reports } = sessionOf();
  const over = claudeSubprocess(CONFIG, clock, async () => first.sdk).start(session, "x", 0);
  await promises();
  first.say(failed);
  await promises();
  first.end(new Error("Claude Code returned an error result: no"));
  await over;
  expect(kinds(reports)).toEqual(["error"]);

  for (const error of [undefined, new Error("terminated by signal SIGKILL")]) {
    const it = fakeSdk();
    const second = claudeSubprocess(CONFIG, clock, async () => it.sdk).start(sessionOf().session, "x", 0);
    await promises();
    it.end(error);
    await expect(second).rejects.toThrow(error?.message ?? "ended without a result");
  }
});

test("an SDK that is not there is an agent that cannot be had", async () => {
  const missing = (): Promise<Sdk> => Promise.reject(new RunnerUnavailableError("npm install it"));
  const over = claudeSubprocess(CONFIG, clock, missing).start(sessionOf().session, "x", 0);
  await expect(over).rejects.toMatchObject({
    code: "AGENT_UNAVAILABLE",
    message: expect.stringContaining("npm install it"),
  });
});

test("ASK-1: what the CLI asks is asked, the answer goes back with its words, and the input stays as it was", async () => {
  const it = fakeSdk();
  const denied = sessionOf({}, { allow: false, message: "not now" });
  const runner = claudeSubprocess(CONFIG, clock, async () => it.sdk);
  const over = runner.start(denied.session, "x", 0);
  await promises();
  const input = { command: "rm" };
  expect(await it.options().canUseTool("Bash", input, { toolUseID: "t1", title: "Delete?" })).toEqual({
    behavior: "deny",
    message: "not now",
  });
  expect(denied.asked).toEqual([
    { toolName: "Bash", toolInput: input, edits: false, toolUseId: "t1", title: "Delete?" },
  ]);
  expect(it.options().hooks.PreToolUse).toEqual([]);
  it.say(RESULT);
  it.end();
  await over;

  const other = fakeSdk();
  const allowed = sessionOf({ ruling: ({ toolName }) => (toolName === "Read" ? "deny" : undefined) });
  const second = claudeSubprocess(CONFIG, clock, async () => other.sdk).start(allowed.session, "x", 2);
  await promises();
  const { canUseTool, hooks, permissionMode } = other.options();
  expect(permissionMode).toBe("default"); // so that the rules count
  expect(await canUseTool("Write", input, {})).toEqual({ behavior: "allow", updatedInput: input });
  expect(allowed.asked[0]?.edits).toBe(true);
  const hook = hooks.PreToolUse[0]?.hooks[0];
  expect(await hook?.({ tool_name: "Read", tool_input: {} })).toMatchObject({
    hookSpecificOutput: { permissionDecision: "deny" },
  });
  expect(await hook?.({ tool_name: "Bash", tool_input: {} })).toEqual({});
  other.say(RESULT);
  other.end();
  await second;
});

test("input while the turn runs waits for its own answer; behind the answer there is none", async () => {
  const it = fakeSdk();
  const { session, reports } = sessionOf();
  const runner = claudeSubprocess(CONFIG, clock, async () => it.sdk);
  const over = runner.start(session, "x", 0);
  await promises();
  await runner.sendInput(session, "left");
  await promises();
  it.say(RESULT);
  await promises();
  expect(it.calls).toEqual([]);
  it.say({ type: "command_lifecycle", command_uuid: it.heard[1]?.uuid, state: "completed" });
  await promises();
  expect(it.calls).toEqual(["input ended"]);
  await expect(runner.sendInput(session, "late")).rejects.toThrow("answered already");
  it.end();
  await over;
  expect(it.heard.map(({ message }) => message.content)).toEqual(["x", "left"]);
  expect(kinds(reports).filter((kind) => kind === "awaiting_input")).toHaveLength(1);
});

test("a CLI that does not say what became of an input does not keep the turn open", async () => {
  const it = fakeSdk();
  const own = createFakeClock();
  const { session } = sessionOf();
  const runner = claudeSubprocess(CONFIG, own, async () => it.sdk);
  const over = runner.start(session, "x", 0);
  await promises();
  await runner.sendInput(session, "left");
  it.say(RESULT);
  await promises();
  await own.pass(5000);
  await promises();
  expect(it.calls).toEqual(["input ended"]);
  it.end();
  await over;
});

/** The CLI's process; it ends when it is asked to. */
function childOf({ calls, end }: ReturnType<typeof fakeSdk>): AgentProcess {
  const ended = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>();
  return {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    ended: ended.promise,
    stop() {
      calls.push("child stopped");
      ended.resolve({ code: null, signal: "SIGTERM" });
      end(new Error("terminated"));
    },
  };
}

test("a stop interrupts, then ends the child, and nothing is said of it", async () => {
  const it = fakeSdk();
  const own = createFakeClock();
  const child = childOf(it);
  const { session, reports } = sessionOf({ spawn: () => Promise.resolve(child) });
  const runner = claudeSubprocess(CONFIG, own, async () => it.sdk);
  const over = runner.start(session, "x", 0);
  await promises();
  it.options().spawnClaudeCodeProcess({ command: "claude", args: [], env: { A: "1", B: undefined } });
  await promises();
  const stopped = runner.stop(session);
  await promises();
  expect(it.calls).toEqual(["interrupt", "input ended"]);
  await own.pass(500);
  expect(await stopped).toBeNull();
  await over;
  expect(it.calls.at(-1)).toBe("child stopped");
  expect(reports).toEqual([]);
});

test("a child that starts behind the stop is ended at once: it would run the prompt", async () => {
  const it = fakeSdk();
  const child = childOf(it);
  const { session } = sessionOf({ spawn: () => Promise.resolve(child) });
  const runner = claudeSubprocess(CONFIG, clock, async () => it.sdk);
  const over = runner.start(session, "x", 0);
  await promises();
  const stopped = runner.stop(session);
  it.options().spawnClaudeCodeProcess({ command: "claude", args: [], env: {} });
  await promises();
  expect(it.calls.at(-1)).toBe("child stopped");
  await Promise.all([stopped, over]);
});

test("a mode reaches the CLI that runs; to bypass is to be allowed what it asks", async () => {
  const it = fakeSdk();
  const { session } = sessionOf();
  const runner = claudeSubprocess(CONFIG, clock, async () => it.sdk);
  const over = runner.start(session, "x", 0);
  await promises();
  for (const choice of [1, 2, 0] as const) runner.updatePermissionMode(session, choice);
  expect(it.calls).toEqual(["mode acceptEdits", "mode default", "mode default"]);
  it.say(RESULT);
  it.end();
  await over;
});
