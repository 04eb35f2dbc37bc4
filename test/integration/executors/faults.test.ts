import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { invocationOf } from "../../support/executor.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { serveHttp } from "../../support/http-server.ts";
import { openWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const TOOL = { type: "tool_call", data: { id: "1", name: "Bash", input: { command: "ls" } } };
const DONE = { type: "tool_result", data: { tool_use_id: "1", content: "a b", is_error: false } };
const say = (text: string) => ({ type: "text", data: { text } });

/** Programs that have this on their command line. */
function running(word: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false; // gone meanwhile
    }
  });
}

/** Starts the executor as a program between does that does not pass on how it is killed. */
const BETWEEN = [
  "/bin/sh",
  "-c",
  '"$@"; exit $?',
  "sh",
  process.execPath,
  mainOf("cli"),
  "executor",
] as const;

describe("an outage", () => {
  test("of the coordinator for 10 s in the middle of a tool call: all events in order, the result present", async () => {
    const { sessionId } = world.coordinator.createSession();
    const before = world.agent.turns.length;
    await using executor = world.start(["--agent", "http"], invocationOf(sessionId));
    const turn = await world.agent.turn(before + 1);
    turn.say(TOOL);
    await eventually(() => expect(world.told(sessionId)).toHaveLength(2));
    await world.coordinator.stop();
    await delay(5000);
    turn.say(DONE, say("Here it is."));
    turn.end();
    expect((await executor.ended).code).toBe(0); // the log has everything
    await delay(5000);
    await world.coordinator.start();
    const told = [
      `bind http-${sessionId}`,
      "user: hi",
      "Bash: a b",
      "assistant: Here it is.",
      "result Here it is.",
    ];
    await eventually(() => expect(world.told(sessionId)).toEqual(told));
    expect(world.coordinator.state.sessions.result(sessionId)).toMatchObject({ result_text: "Here it is." });
  });

  test("of the gateway, or of one before it, at the start: it is waited for, and nothing comes twice", async () => {
    const { sessionId } = world.coordinator.createSession();
    const before = world.agent.turns.length;
    let away = true;
    await using front = await serveHttp(async (response, { target, body, headers }) => {
      if (away)
        return void response.writeHead(502).end('{"detail": "Failed to connect to Agent Coordinator"}');
      const key = String(headers["idempotency-key"]);
      const got = await fetch(world.gateway + target, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body,
      });
      response.writeHead(got.status, { "content-type": "application/json" }).end(await got.text());
    });
    await using executor = world.start(["--agent", "http"], invocationOf(sessionId), { url: front.url });
    const turn = await world.agent.turn(before + 1);
    turn.say(TOOL, DONE, say("ok"));
    turn.end();
    await eventually(() => expect(front.got.length).toBeGreaterThan(2));
    away = false;
    expect((await executor.ended).code).toBe(0);
    expect(world.told(sessionId)).toEqual([
      `bind http-${sessionId}`,
      "user: hi",
      "Bash: a b",
      "assistant: ok",
      "result ok",
    ]);
  });
});

describe("a stop in the middle of a turn", () => {
  test.each([
    ["the runner's word", { code: 0, signal: null }],
    ["SIGTERM", { code: 143, signal: null }],
  ])("by %s interrupts it, names what was under way, and says nothing of a result", async (how, ended) => {
    const { sessionId } = world.coordinator.createSession();
    const before = world.agent.turns.length;
    await using executor = world.start(["--agent", "http"], invocationOf(sessionId), {
      lifecycle: "persistent",
    });
    const turn = await world.agent.turn(before + 1);
    turn.say(TOOL);
    await eventually(() => expect(world.told(sessionId)).toHaveLength(2));
    if (how === "SIGTERM") executor.process.kill("SIGTERM");
    else executor.send({ type: "shutdown" });
    expect(await executor.ended).toEqual(ended);
    expect(turn.gone()).toBe(true);
    expect(executor.stdout()).toBe("");
    expect(world.told(sessionId).slice(2)).toEqual(["Bash:  (interrupted)"]);
  });

  test("a script that writes everything in advance gets all of its turns", async () => {
    const { sessionId } = world.coordinator.createSession();
    const lines = [
      invocationOf(sessionId),
      { type: "turn", parameters: { prompt: "two" } },
      { type: "shutdown" },
    ];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    await using executor = world.start(["--agent", "echo"], text);
    expect((await executor.ended).code).toBe(0);
    expect(executor.lines()).toEqual(["hi", "two"].map((result) => ({ type: "turn_complete", result })));
  });

  test.each(["SIGKILL of the executor", "SIGKILL of what started it", "SIGTERM"])(
    "%s leaves no program of the agent",
    async (how) => {
      const { sessionId } = world.coordinator.createSession();
      const word = `9${String(Math.random()).slice(2, 8)}`;
      const env = { RUNNER_RELAY_ACP_COMMAND: `/bin/sleep ${word}` };
      const wrapped = how.endsWith("started it") ? { command: BETWEEN } : {};
      await using executor = world.start(["--agent", "acp"], invocationOf(sessionId), { env, ...wrapped });
      await eventually(() => expect(running(`sleep\0${word}`)).toHaveLength(1));
      executor.process.kill(how === "SIGTERM" ? "SIGTERM" : "SIGKILL");
      const killed = performance.now();
      await eventually(() => expect(running(`sleep\0${word}`)).toEqual([]));
      expect(performance.now() - killed).toBeLessThan(5000);
      if (how === "SIGTERM") expect((await executor.ended).code).toBe(143);
      await executor.ended; // also of the one behind the other
    },
  );
});

describe("stdin", () => {
  test.each<[string, string | Uint8Array, string]>([
    ["nothing", "", "Error: No input received on stdin\n"],
    ["garbage", "hello\n", "Error: Invalid JSON: syntax at byte 0\n"],
    ["not UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "Error: Invalid JSON: not UTF-8 at byte 0\n"],
    ["too much", `"${"x".repeat(4 * 1024 * 1024)}`, "Error: a line of more than 4194304 bytes\n"],
    ["no session", '{"schema_version":"2.2","mode":"start"}', "Error: Missing required field: session_id\n"],
  ])("%s ends it with 1, and what is wrong", async (_, text, words) => {
    await using executor = world.start(["test"], text);
    expect(await executor.ended).toEqual({ code: 1, signal: null });
    expect(executor.stderr()).toBe(words);
    expect(executor.stdout()).toBe("");
  });

  test("a line that is too long between two turns ends it, because it may have been one", async () => {
    const { sessionId } = world.coordinator.createSession();
    await using executor = world.start(["--agent", "echo"], invocationOf(sessionId), {
      lifecycle: "persistent",
    });
    await executor.turn(1);
    executor.process.stdin?.write(`"${"x".repeat(5 * 1024 * 1024)}`);
    expect((await executor.ended).code).toBe(1);
    expect(executor.stderr()).toContain("a line of more than 4194304 bytes");
  });
});

test("a session that the coordinator does not know is an error, not silence", async () => {
  await using executor = world.start(["test"], invocationOf("ses_unknown"));
  expect((await executor.ended).code).toBe(1);
  expect(executor.stderr()).toContain("the bind was not taken: 404: Session not found");
});

test("an answer of any length ends the turn of a runner that reads nothing before the end", async () => {
  const { sessionId } = world.coordinator.createSession();
  const long = "\u0001".repeat(300_000);
  await using executor = world.start(
    ["--agent", "echo"],
    invocationOf(sessionId, { parameters: { prompt: long } }),
  );
  executor.process.stdout?.pause();
  await once(executor.process, "exit");
  expect(executor.process.exitCode).toBe(0);
  executor.process.stdout?.resume();
  await executor.ended;
  expect(Buffer.byteLength(executor.stdout())).toBeLessThan(64 * 1024);
});
