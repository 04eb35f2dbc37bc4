import { execFile } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { dataFolder, runCli, startUp, type Up } from "../../support/up.ts";

// Hooks as agents send them, put into their settings by `runner-relay hooks`, at a running `up`.

const run = promisify(execFile);
let folder: Awaited<ReturnType<typeof dataFolder>>;
let up: Up;
let url: string;
let key: string;
beforeAll(async () => {
  folder = await dataFolder();
  up = startUp(folder.path, { also: ["sessions"] });
  // the sessions server may be ready later than the rest
  await eventually(async () => {
    ({ sessions: url = "" } = await up.ready());
    expect(url).not.toBe("");
  });
  key = (await readFile(join(up.dataDir, "sessions.key"), "utf8")).trim();
});
afterAll(async () => {
  await up.stop();
  await folder[Symbol.asyncDispose]();
});

const hooks = (...args: string[]) => runCli(["hooks", ...args, "--data", up.dataDir]);

async function eventsOf(
  session: string,
): Promise<{ type: string; source: string; data: Record<string, unknown> }[]> {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${url}/sessions/${session}/events`, { headers });
  if (!answer.ok) return [];
  return ((await answer.json()) as { events: never[] }).events;
}

async function send(to: string, headers: Record<string, string>, body: unknown): Promise<Response> {
  return fetch(to, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

type Http = { url: string; headers: Record<string, string> };

/** Installs, and returns the hook of one event once the server takes its key. */
async function installed(agent: string, file: string, event: string): Promise<Record<string, unknown>> {
  const { code, stderr } = await hooks("install", "--agent", agent, "--file", file, "--yes");
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(file) });
  const settings = JSON.parse(await readFile(file, "utf8")) as {
    hooks: Record<string, { hooks: Record<string, unknown>[] }[]>;
  };
  return settings.hooks[event]?.at(-1)?.hooks[0] ?? {};
}

test("Claude Code: an answer without a body at once, and everything is in the session's log", async () => {
  const file = join(folder.path, "settings.json");
  const before = '{\n  "model": "opus"\n}\n';
  await writeFile(file, before, { mode: 0o640 });
  const hook = (await installed("claude-code", file, "PreToolUse")) as unknown as Http;
  expect(hook.url).toBe(`${url}/hooks/claude-code`);
  expect(await readFile(`${file}.before-runner-relay`, "utf8")).toBe(before);
  expect((await stat(file)).mode & 0o777).toBe(0o640);

  const tool = {
    session_id: "claude-1",
    tool_use_id: "t1",
    tool_name: "Bash",
    tool_input: { command: "ls" },
  };
  const bodies = [
    { session_id: "claude-1", hook_event_name: "SessionStart", model: "m" },
    { ...tool, hook_event_name: "PreToolUse" },
    { ...tool, hook_event_name: "PostToolUse", tool_response: "a.txt" },
    { session_id: "claude-1", hook_event_name: "Stop" },
  ];
  // a server reads new keys within seconds
  await expect.poll(async () => (await send(hook.url, hook.headers, {})).status).toBe(200);
  for (const body of bodies) {
    const answer = await send(hook.url, hook.headers, body);
    expect([answer.status, await answer.text(), answer.headers.get("rr-durability")]).toEqual([
      200,
      "",
      "memory",
    ]);
  }
  await expect
    .poll(async () => (await eventsOf("claude-1")).map(({ type }) => type))
    .toEqual(["created", "session_info", "tool_call", "tool_result", "hook_stop"]);
  const [, , call] = await eventsOf("claude-1");
  expect(call).toMatchObject({ source: "push", data: { id: "t1", name: "Bash", input: { command: "ls" } } });

  const nothing = await send(hook.url, hook.headers, { hook_event_name: "Stop" });
  expect([nothing.status, nothing.headers.get("rr-durability")]).toEqual([200, "none"]);
});

test("a hook's key opens nothing else, and no other key of scopes like `read` opens the hooks", async () => {
  const file = join(folder.path, "closed.json");
  const { headers, url: to } = (await installed("claude-code", file, "Stop")) as unknown as Http;
  await expect.poll(async () => (await send(to, headers, {})).status).toBe(200);
  for (const path of ["/sessions", "/sessions/claude-1/events", "/api/v1/sessions", "/nowhere"]) {
    const answer = await fetch(url + path, { headers });
    expect([path, answer.status]).toEqual([path, 403]);
  }
  expect((await send(to, {}, {})).status).toBe(401);
  expect((await hooks("remove", "--agent", "claude-code", "--file", file, "--yes")).code).toBe(0);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({});
  await expect.poll(async () => (await send(to, headers, {})).status).toBe(401);
});

test("Codex: one line that starts no Node, whose key nobody sees", async () => {
  const file = join(folder.path, "codex", "hooks.json");
  const { command } = (await installed("codex", file, "Stop")) as { command: string };
  expect(command).toMatch(/^curl /);
  const body = JSON.stringify({ session_id: "codex-1", hook_event_name: "Stop", turn_id: "1" });
  const speak = async (): Promise<{ stdout: string; stderr: string }> => {
    const child = run("/bin/sh", ["-c", command], { env: bareEnv() });
    child.child.stdin?.end(body);
    return child;
  };
  await expect
    .poll(async () => {
      expect(await speak()).toEqual({ stdout: "", stderr: "" });
      return (await eventsOf("codex-1")).map(({ type }) => type);
    })
    .toContain("hook_stop");
  const status = await hooks("status", "--agent", "codex", "--file", file, "--json");
  expect(JSON.parse(status.stdout)).toMatchObject({ agent: "codex", missing: [] });
  expect((await hooks("remove", "--agent", "codex", "--file", file, "--yes")).code).toBe(0);
  expect((await speak()).stdout).toBe(""); // a session that still runs goes on
});

test("without a terminal it asks for --yes, and a file that is no JSON stays as it is", async () => {
  const file = join(folder.path, "odd.json");
  await writeFile(file, "{ not json");
  const odd = await hooks("install", "--agent", "claude-code", "--file", file, "--yes");
  expect(odd).toMatchObject({ code: 1, stderr: expect.stringContaining("config_invalid") });
  expect(await readFile(file, "utf8")).toBe("{ not json");
  const asked = await hooks("install", "--agent", "claude-code", "--file", join(folder.path, "new.json"));
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
});
