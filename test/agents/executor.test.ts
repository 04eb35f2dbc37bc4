import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openWorld, type World } from "../integration/executors/world.ts";
import { eventually } from "../support/eventually.ts";
import { invocationOf, type ExecutorStart, type StartedExecutor } from "../support/executor.ts";
import { serveHttp } from "../support/http-server.ts";
import { serveMessages, type MessagesApi } from "./messages-api.ts";
import { createModel, say, shell, type Model } from "./model.ts";

// The real Claude Code CLI through `executor claude-code`, a gateway and a relay, as a runner runs it.

let world: World;
let model: Model;
let api: MessagesApi;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  model = createModel();
  api = await serveMessages(model, (command) => ({
    name: "Bash",
    input: { command, description: "scripted" },
  }));
});
afterEach(() => api[Symbol.asyncDispose]());

const CONFIG = { agent: "claude-code", model: "claude-sonnet-4-5" };

function start(
  session: string,
  of: Record<string, unknown> = {},
  lifecycle: ExecutorStart["lifecycle"] = "one_shot",
): StartedExecutor {
  const env = {
    ANTHROPIC_BASE_URL: api.url,
    ANTHROPIC_API_KEY: "dummy",
    NODE_PATH: resolve(import.meta.dirname, "node_modules"),
  };
  const invocation = invocationOf(session, {
    project_dir: world.folder,
    executor_config: CONFIG,
    ...of,
  });
  return world.start([], invocation, { lifecycle, env });
}

test("a coordinator that is away for 10 s in the middle of a tool call: all events in order, the result present", async () => {
  model.script(
    say("Looking. ", shell("touch began; sleep 8; echo one two")),
    say(shell("exit 3")),
    say("Done."),
  );
  const { sessionId } = world.coordinator.createSession();
  await using executor = start(sessionId);
  await eventually(() => expect(readdirSync(world.folder)).toContain("began"));
  await world.coordinator.stop();
  await delay(10_000);
  await world.coordinator.start();
  expect(await executor.ended).toEqual({ code: 0, signal: null });
  expect(executor.lines()).toEqual([{ type: "turn_complete", result: "Done." }]);
  const [bind, ...events] = await eventually(() => {
    const told = world.told(sessionId);
    expect(told).toHaveLength(6);
    return told;
  });
  expect(bind).toMatch(/^bind [\da-f-]{36}$/);
  expect(events).toEqual([
    "user: hi",
    "Bash: one two",
    expect.stringMatching(/^Bash: Exit code 3/),
    "assistant: Done.",
    "result Done.",
  ]);
  const failed = JSON.parse(world.coordinator.writes(sessionId)[3]?.body ?? "{}") as { error: string };
  expect(failed.error).toContain("Exit code 3");
  expect(world.coordinator.state.sessions.result(sessionId)).toEqual({
    result_text: "Done.",
    result_data: null,
  });
});

test("a persistent session remembers its turns, and one that is resumed goes on with them", async () => {
  model.script(say("I will remember."), say("mango"));
  const { sessionId } = world.coordinator.createSession();
  await using executor = start(sessionId, { parameters: { prompt: "The word is mango" } }, "persistent");
  await executor.turn(1);
  executor.send({ type: "turn", parameters: { prompt: "Which word?" } });
  expect(await executor.turn(2)).toEqual({ type: "turn_complete", result: "mango" });
  expect(JSON.stringify(model.asked.at(-1))).toContain("The word is mango");
  executor.send({ type: "shutdown" });
  expect((await executor.ended).code).toBe(0);
  model.script(say("still mango"));
  await using resumed = start(sessionId, {
    mode: "resume",
    project_dir: null,
    parameters: { prompt: "And now?" },
  });
  expect((await resumed.ended).code).toBe(0);
  expect(resumed.stdout()).toBe("still mango\n");
  expect(JSON.stringify(model.asked.at(-1))).toContain("The word is mango");
  const told = world.told(sessionId);
  expect(told.slice(-5)).toEqual([
    told[0],
    "metadata",
    "user: And now?",
    "assistant: still mango",
    "result still mango",
  ]);
});

test("the blueprint counts: its system prompt, its servers of tools with their headers, its schema", async () => {
  await using tools = await serveHttp((response) => response.writeHead(404).end());
  model.script(say({ structured: { n: 7 } }), say("Here it is."));
  const { sessionId } = world.coordinator.createSession();
  const output_schema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] };
  const config = { "X-Agent-Session-Id": sessionId };
  const agent_blueprint = {
    system_prompt: "You count birds.",
    output_schema,
    mcp_servers: { orchestrator: { url: `${tools.url}/mcp`, config } },
  };
  await using executor = start(sessionId, { agent_blueprint });
  expect((await executor.ended).code).toBe(0);
  expect(JSON.stringify(model.asked[0])).toContain("You count birds.");
  expect(tools.got[0]).toMatchObject({ target: "/mcp", headers: { "x-agent-session-id": sessionId } });
  expect(executor.lines()).toEqual([{ type: "turn_complete", result: '{"n":7}' }]);
  expect(world.told(sessionId).at(-1)).toBe('result {"n":7}');
});

test("an API that refuses is a run that fails, with the reason on stderr", async () => {
  for (let i = 0; i < 10; i++)
    model.script({ fault: { kind: "refused", status: 400, type: "invalid_request_error" } });
  const { sessionId } = world.coordinator.createSession();
  await using executor = start(sessionId);
  expect((await executor.ended).code).toBe(1);
  expect(executor.stderr()).toContain(`Error: Start failed for session '${sessionId}': CLAUDE_RESULT_ERROR`);
  expect(world.told(sessionId).slice(1)).toEqual(["user: hi"]);
});

test("without a permission mode that allows it a command is refused, and the agent hears of it", async () => {
  model.script(say(shell("touch forbidden")), say("So be it."));
  const { sessionId } = world.coordinator.createSession();
  await using executor = start(sessionId, { executor_config: { ...CONFIG, permission_mode: "default" } });
  expect((await executor.ended).code).toBe(0);
  expect(readdirSync(world.folder)).not.toContain("forbidden");
  expect(world.told(sessionId)[2]).toContain("nobody can be asked");
});

test.each(["SIGTERM", "SIGKILL"] as const)(
  "%s in the middle of a tool call leaves nothing behind",
  async (signal) => {
    const word = `7${String(Math.random()).slice(2, 7)}`;
    model.script(say(shell(`echo ${word}; while :; do sleep 0.2; done`)), say("Never."));
    const { sessionId } = world.coordinator.createSession();
    await using executor = start(sessionId);
    await eventually(() => expect(running(word)).not.toEqual([]));
    executor.process.kill(signal);
    const killed = performance.now();
    await eventually(() => expect(running(word)).toEqual([]));
    expect(performance.now() - killed).toBeLessThan(5000);
    expect(await executor.ended).toEqual(
      signal === "SIGTERM" ? { code: 143, signal: null } : { code: null, signal },
    );
    if (signal === "SIGTERM")
      expect(world.told(sessionId).slice(2)).toEqual([expect.stringMatching(/^Bash: .*\(.+\)$/s)]); // by the CLI's own words, if it has the time
  },
);

function running(word: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false; // gone meanwhile
    }
  });
}
