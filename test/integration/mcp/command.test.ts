import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createSessionClient } from "../../../src/client/index.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";
import { callTool, connectHttp, newClient } from "./clients.ts";

// `runner-relay mcp` beside a running `up`, as an agent's settings start it.

let folder: Awaited<ReturnType<typeof dataFolder>>;
let up: Up;
let env: Record<string, string>;
beforeAll(async () => {
  folder = await dataFolder();
  up = startUp(folder.path, { args: ["--no-sessions"] });
  await up.ready();
  env = { ...bareEnv(), RUNNER_RELAY_DATA: up.dataDir };
});
afterAll(async () => {
  await up.stop();
  await folder[Symbol.asyncDispose]();
});

async function onPipes(more: Record<string, string> = {}): Promise<Client> {
  const client = newClient("legacy");
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [mainOf("cli"), "mcp"],
    env: { ...env, ...more },
  });
  await client.connect(transport);
  onTestFinished(() => client.close());
  return client;
}

test("on stdin and stdout: the session of the environment is the parent, and our own tools read what the relay has", async () => {
  const client = await onPipes({ AGENT_SESSION_ID: "ses_parent" });
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name).slice(-4)).toEqual([
    "relay_backlog",
    "relay_session_events",
    "relay_dead_letters",
    "relay_doctor",
  ]);
  const own = tools.filter(({ name }) => name.startsWith("relay_"));
  expect(own.every(({ annotations }) => annotations?.readOnlyHint === true)).toBe(true);

  const args = { parameters: { prompt: "p" }, mode: "async_callback" };
  const started = await callTool(client, "start_agent_session", args);
  const { session_id: session } = started.value as { session_id: string };
  const { gateway } = await up.ready();
  const executor = createSessionClient({ baseUrl: gateway });
  await executor.bind(session, { executorSessionId: "x" });
  await executor.addEvent(session, { event_type: "message", role: "user", content: [] });
  await executor.addEvent(session, { event_type: "no such type" }).catch(() => undefined);

  const events = await callTool(client, "relay_session_events", { session_id: session, limit: 10 });
  expect(events.texts).toMatchObject([
    { kind: "bind", receipt: { state: "delivered" }, body: expect.stringContaining("executor_session_id") },
    { kind: "event", body: expect.stringContaining("message") },
    { kind: "event" },
  ]);
  const backlog = await callTool(client, "relay_backlog", { sessions: 1 });
  expect(backlog.value).toMatchObject({ backlog: { events: expect.any(Number) }, sessions: {} });
  const dead = await callTool(client, "relay_dead_letters", { session_id: session });
  expect(dead.isError).toBe(false);
  const doctor = await callTool(client, "relay_doctor");
  expect(doctor.texts).toContainEqual(expect.objectContaining({ check: "broker", level: "ok" }));
  const wrong = await callTool(client, "relay_session_events", { session_id: "a/b" });
  expect(wrong).toMatchObject({ isError: true });
});

test("over HTTP: with the token of the data folder, which only its user may read", async () => {
  const child = spawn(process.execPath, [mainOf("cli"), "mcp", "--mcp-port", "0"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { url } = JSON.parse(line) as { url: string };
  const file = join(up.dataDir, "mcp-token");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const client = await connectHttp(url, { token: (await readFile(file, "utf8")).trim() });
  expect((await callTool(client, "list_agent_blueprints")).texts).toMatchObject([{ name: "echo" }]);
  await client.close();
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
