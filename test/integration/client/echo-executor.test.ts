import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { serveHttp, type HttpServer } from "../../support/http-server.ts";

/** What the original gateway does, and no more: the three routes, enriched, to the coordinator. */
function startPlainGateway(coordinator: TestCoordinator): Promise<HttpServer> {
  return serveHttp(async (response, { method, target, body }) => {
    const { session_id, ...rest } = (body === "" ? {} : JSON.parse(body)) as Record<string, unknown>;
    const own =
      target === "/bind"
        ? { hostname: "h", executor_profile: "p" }
        : target === "/events"
          ? { session_id }
          : {};
    const path = body === "" ? target : `/sessions/${String(session_id)}${target}`;
    const got = await fetch(coordinator.url + path, {
      method,
      ...(body === ""
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify({ ...rest, ...own }) }),
    });
    response.writeHead(got.status, { "content-type": "application/json" });
    response.end(await got.text());
  });
}

const EXAMPLES = new URL("../../../examples/", import.meta.url).pathname;

/** The executors among the examples, by language: program and arguments. */
const EXECUTORS: Record<string, readonly [string, string]> = {
  TypeScript: [process.execPath, `${EXAMPLES}echo-executor.ts`],
  Python: ["python3", `${EXAMPLES}echo_executor.py`],
};
const here = Object.keys(EXECUTORS).filter(
  (language) => spawnSync(EXECUTORS[language]?.[0] ?? "", ["--version"]).error === undefined,
);

function startExecutor(gateway: { url: string }, language: string) {
  const [file, program] = EXECUTORS[language] ?? ["", ""];
  const child = spawn(file, [program], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...bareEnv(), AGENT_ORCHESTRATOR_API_URL: gateway.url },
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const read = lines[Symbol.asyncIterator]();
  return {
    say: (line: unknown) => child.stdin.write(`${JSON.stringify(line)}\n`),
    end: () => child.stdin.end(),
    next: async (): Promise<unknown> => JSON.parse((await read.next()).value ?? "null"),
    errors: text(child.stderr),
    code: async () => (await exited)[0] as number | null,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

function told(coordinator: TestCoordinator, session: string): string[] {
  return coordinator.writes(session).map(({ path, body }) => {
    const { event_type, role } = JSON.parse(body ?? "{}") as { event_type?: string; role?: string };
    return [path.split("/").at(-1), event_type, role].filter((part) => part !== undefined).join(" ");
  });
}

const TURN = ["events message user", "events message assistant", "events result"];

describe.each(Object.keys(EXECUTORS))("in %s", (language) => {
  test.skipIf(!here.includes(language))(
    "a one-shot run binds, tells its messages and its result, and ends with stdin",
    async () => {
      await using coordinator = await startCoordinator();
      await using gateway = await startPlainGateway(coordinator);
      await using executor = startExecutor(gateway, language);
      const { sessionId } = coordinator.createSession();
      executor.say({
        schema_version: "2.2",
        mode: "start",
        session_id: sessionId,
        parameters: { prompt: "hi é😀" },
        project_dir: "/p",
      });
      expect(await executor.next()).toEqual({ type: "turn_complete", result: "hi é😀" });
      executor.end();
      expect(await executor.code()).toBe(0);
      expect(told(coordinator, sessionId)).toEqual(["bind", ...TURN]);
      expect(coordinator.state.sessions.get(sessionId)).toMatchObject({
        status: "running",
        executor_session_id: `echo-${sessionId}`,
        project_dir: "/p",
      });
      expect(coordinator.state.sessions.result(sessionId)).toEqual({
        result_text: "hi é😀",
        result_data: null,
      });
    },
  );

  test.skipIf(!here.includes(language))(
    "a persistent run takes turns until it is told to shut down, and a resumed one says when",
    async () => {
      await using coordinator = await startCoordinator();
      await using gateway = await startPlainGateway(coordinator);
      await using executor = startExecutor(gateway, language);
      const { sessionId } = coordinator.createSession();
      executor.say({
        schema_version: "2.2",
        mode: "resume",
        session_id: sessionId,
        parameters: { prompt: "one" },
      });
      expect(await executor.next()).toEqual({ type: "turn_complete", result: "one" });
      executor.say({ type: "turn", parameters: { prompt: "two" } });
      expect(await executor.next()).toEqual({ type: "turn_complete", result: "two" });
      executor.say({ type: "shutdown" });
      expect(await executor.code()).toBe(0);
      expect(told(coordinator, sessionId)).toEqual(["bind", "metadata", ...TURN, ...TURN]);
    },
  );

  test.skipIf(!here.includes(language))("an executor of an unknown session fails loudly", async () => {
    await using coordinator = await startCoordinator();
    await using gateway = await startPlainGateway(coordinator);
    await using executor = startExecutor(gateway, language);
    executor.say({
      schema_version: "2.2",
      mode: "start",
      session_id: "ses_unknown",
      parameters: { prompt: "x" },
    });
    expect(await executor.code()).toBe(1);
    expect(await executor.errors).toContain("Session not found");
  });
});
