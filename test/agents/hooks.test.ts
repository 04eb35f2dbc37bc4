import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BASIC_EVENTS, NEWER_EVENTS, REFUSED_EVENTS } from "../../src/cli/hooks/claude-events.ts";
import { eventsOfProgram } from "../../src/cli/hooks/program-events.ts";
import { dataFolder, runCli, startUp, type Up } from "../support/up.ts";
import { eventually } from "../support/eventually.ts";
import { serveMessages } from "./messages-api.ts";
import { createModel, say, shell } from "./model.ts";

// The real Claude Code, with all its hooks reporting to `serve`, beside a tool of somebody else that has hooks at the same events and writes down what it hears.

const require = createRequire(import.meta.url);
const PACKAGE = "@anthropic-ai/claude-agent-sdk";
const SDK = require.resolve(PACKAGE); // in this folder
const CLAUDE = join(dirname(SDK), `../claude-agent-sdk-${process.platform}-${process.arch}/claude`);
const OURS = [...BASIC_EVENTS, ...NEWER_EVENTS];

type Body = { session_id: string; hook_event_name: string; tool_use_id?: string };

let scope: AsyncDisposableStack;
let home: string;
let witness: string;
let up: Up;
let url: string;
let env: Record<string, string>;
let model: ReturnType<typeof createModel>;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  const folder = scope.use(await dataFolder());
  up = startUp(folder.path, { also: ["sessions"] });
  scope.defer(async () => void (await up.stop()));
  await eventually(async () => {
    ({ sessions: url = "" } = await up.ready());
    expect(url).not.toBe("");
  });
  home = join(folder.path, "home");
  witness = join(folder.path, "witness");
  for (const made of ["config", "bin", "work"]) mkdirSync(join(home, made), { recursive: true });
  mkdirSync(witness);
  symlinkSync(CLAUDE, join(home, "bin/claude"));
  writeFileSync(join(home, "work/CLAUDE.md"), "Be brief.\n");
  const hooks = [{ hooks: [{ type: "command", command: `cat > "$(mktemp ${witness}/XXXXXXXX)"` }] }];
  const settings = { hooks: Object.fromEntries(OURS.map((event) => [event, hooks])) };
  writeFileSync(join(home, "config/settings.json"), JSON.stringify(settings, null, 2));
  model = createModel();
  const api = scope.use(
    await serveMessages(model, (command) => ({ name: "Bash", input: { command, description: "scripted" } })),
  );
  env = {
    PATH: `${join(home, "bin")}:${process.env["PATH"]}`,
    HOME: home,
    CLAUDE_CONFIG_DIR: join(home, "config"),
    ANTHROPIC_BASE_URL: api.url,
    ANTHROPIC_API_KEY: "dummy",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    IS_SANDBOX: "1",
  };
  const installed = await runCli(
    ["hooks", "install", "--agent", "claude-code", "--yes", "--data", up.dataDir],
    { env },
  );
  expect(installed).toMatchObject({ code: 0 });
  await expect.poll(async () => (await fetch(...hookRequest())).status).toBe(200); // the server reads the key within seconds
});
afterEach(() => scope.disposeAsync());

/** What a hook of ours would send, but for an event. */
function hookRequest(): [string, RequestInit] {
  const settings = JSON.parse(readFileSync(join(home, "config/settings.json"), "utf8")) as {
    hooks: { Stop: [unknown, { hooks: [{ url: string; headers: Record<string, string> }] }] };
  };
  const { url: to, headers } = settings.hooks.Stop[1].hooks[0];
  return [to, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: "{}" }];
}

function claude(): { over: Promise<{ code: number | null; said: string }> } {
  const child = spawn(CLAUDE, ["-p", "Begin", "--dangerously-skip-permissions"], {
    cwd: join(home, "work"),
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  scope.defer(() => void child.kill("SIGKILL"));
  const said = text(child.stdout);
  return { over: once(child, "exit").then(async ([code]) => ({ code: code as number, said: await said })) };
}

function heard(): Body[] {
  return readdirSync(witness).flatMap((name) => {
    const body = readFileSync(join(witness, name), "utf8");
    return body.endsWith("}") || body.endsWith("}\n") ? [JSON.parse(body) as Body] : []; // not all of it is there yet
  });
}

const named = ({ hook_event_name: name, tool_use_id: tool = "" }: Body): string => `${name} ${tool}`;

async function recorded(): Promise<string[]> {
  const session = heard()[0]?.session_id ?? "";
  const key = readFileSync(join(up.dataDir, "sessions.key"), "utf8").trim();
  const answer = await fetch(`${url}/sessions/${session}/events?limit=1000`, {
    headers: { authorization: `Bearer ${key}` },
  });
  if (!answer.ok) return [];
  type Told = { data: { hook?: Body; id?: string; tool_use_id?: string } };
  const { events } = (await answer.json()) as { events: Told[] };
  return events.flatMap(({ data: { hook, id, tool_use_id: tool = id } }) =>
    hook === undefined ? [] : [named({ ...hook, ...(tool ? { tool_use_id: tool } : {}) })],
  );
}

/** Processes of `up` whose command line has one of the words. */
function killPart(...words: string[]): void {
  const victims = up.processes().filter((pid) => {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return words.some((word) => line.includes(word));
  });
  expect(victims).toHaveLength(words.length);
  for (const pid of victims) process.kill(pid, "SIGKILL");
}

/** Commands of which each waits until the test lets it go on. */
const waiting = (n: number) => shell(`until [ -e go-${n} ]; do sleep 0.05; done; echo ${n}`);
const letGo = (n: number): void => writeFileSync(join(home, `work/go-${n}`), "");
const begun = (n: number) => expect.poll(() => count("PreToolUse")).toBe(n);
const count = (event: string): number => heard().filter((it) => it.hook_event_name === event).length;

test("every event that the program has is known: ours, or one that we refuse to use", async () => {
  const { HOOK_EVENTS } = (await import(pathToFileURL(SDK).href)) as { HOOK_EVENTS: string[] };
  expect([...(eventsOfProgram(CLAUDE) ?? [])].toSorted()).toEqual(HOOK_EVENTS.toSorted());
  expect([...OURS, ...REFUSED_EVENTS].toSorted()).toEqual(HOOK_EVENTS.toSorted());
  const status = await runCli(["hooks", "status", "--agent", "claude-code", "--json"], { env });
  expect(JSON.parse(status.stdout)).toMatchObject({ events: expect.arrayContaining(OURS), missing: [] });
});

test("nothing is lost while everything behind `serve` is killed and restarted three times", async () => {
  const commands = Array.from({ length: 6 }, (_, n) => say(waiting(n)));
  model.script(...commands, say(shell("exit 3")), say("All done."));
  const { over } = claude();
  for (let n = 0; n < 6; n++) {
    await begun(n + 1);
    if (n % 2 === 0) killPart("nats-server", "worker/main");
    letGo(n); // so that its hooks come while nothing is there
    if (n % 2 === 1) await expect.poll(async () => (await fetch(`${url}/ready`)).status).toBe(200);
  }
  expect(await over).toEqual({ code: 0, said: "All done.\n" });
  const all = heard().map(named).toSorted();
  for (const event of ["SessionStart", "UserPromptSubmit", "PostToolUseFailure", "Stop", "SessionEnd"])
    expect(count(event)).toBe(1);
  expect([count("PreToolUse"), count("PostToolUse"), count("PostToolBatch")]).toEqual([7, 6, 7]);
  expect(count("InstructionsLoaded")).toBeGreaterThan(0);
  await expect.poll(async () => (await recorded()).toSorted()).toEqual(all);
  console.log(`hooks: ${all.length} events, all recorded`);
});

test("while `serve` is away the agent goes on, and what was recorded before and what comes after is there", async () => {
  model.script(say(waiting(0)), say(waiting(1)), say(waiting(2)), say("All done."));
  const { over } = claude();
  await begun(1);
  await expect.poll(recorded).toContain("SessionStart ");
  const before = await recorded();
  killPart("sessions/main");
  letGo(0);
  await begun(2);
  await expect.poll(async () => (await fetch(`${url}/ready`).catch(() => undefined))?.status).toBe(200);
  letGo(1);
  await begun(3);
  letGo(2);
  expect(await over).toEqual({ code: 0, said: "All done.\n" });
  await expect.poll(recorded).toContain("SessionEnd ");
  const after = await recorded();
  expect(after).toEqual(expect.arrayContaining(before));
  const lost = heard()
    .map(named)
    .filter((it) => !after.includes(it));
  expect(lost.every((it) => /^(Post|Pre)Tool/.test(it))).toBe(true);
  console.log(`hooks: ${lost.length} of ${heard().length} lost while serve was away`);
});
