import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { runCommand } from "../../support/command.ts";
import { eventually } from "../../support/eventually.ts";
import { dataFolder, runCli, startUp, type Up } from "../../support/up.ts";

/** What the agent does when it is asked this. Everything else it repeats. */
const PLAYS: Record<string, (response: ServerResponse) => void> = {
  fail: (response) => void response.writeHead(500).end(),
  work(response) {
    response.write(`${JSON.stringify({ type: "tool_call", data: { name: "Bash", input: "ls" } })}\n`);
    response.end(`${JSON.stringify({ type: "text", data: { text: "two files" } })}\n`);
  },
  /** Until it is cancelled. */
  stay: (response) => void response.write(`${JSON.stringify({ type: "text", data: { text: "staying" } })}\n`),
};

const agent = createServer((request, response) => {
  void json(request).then((body) => {
    const { user_input: prompt } = (body as { request: { user_input: string } }).request;
    const play = PLAYS[prompt];
    if (play !== undefined) return play(response);
    return response.end(`${JSON.stringify({ type: "text", data: { text: prompt } })}\n`);
  });
});

let folder: Awaited<ReturnType<typeof dataFolder>>;
let up: Up;
let url: string;
let key: string;

beforeAll(async () => {
  agent.listen(0, "127.0.0.1");
  await once(agent, "listening");
  folder = await dataFolder();
  const env = {
    RUNNER_RELAY_AGENT: "http",
    RUNNER_RELAY_AGENT_HTTP_URL: `http://127.0.0.1:${(agent.address() as AddressInfo).port}/`,
  };
  up = startUp(folder.path, { also: ["sessions"], env });
  url = (await up.ready()).sessions ?? "";
  key = (await cli("sessions", "key")).stdout.trim();
});
afterAll(async () => {
  await up?.stop();
  await folder?.[Symbol.asyncDispose]();
  agent.closeAllConnections();
  agent.close();
});

const cli = (...args: string[]) => runCommand([...args, "--data", up.dataDir]);
const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Starts a command that is to be interrupted. */
function begin(...args: string[]) {
  const child = spawn(process.execPath, [mainOf("cli"), ...args, "--data", up.dataDir], {
    env: { ...bareEnv() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, "close");
  return {
    child,
    out: () => out,
    err: () => err,
    code: async () => ((await ended) as [number | null])[0],
  };
}

describe("run", () => {
  test("prints what the agent says on stdout, and the rest on stderr", async () => {
    const { code, stdout, stderr } = await cli("run", "work");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "two files\n" });
    expect(stderr).toMatch(/^session ses_[0-9a-f]{32}\n> tool_call Bash {"input":"ls"}\n$/);
  });

  test("goes on in a session, takes the prompt from stdin, and tells programs every event", async () => {
    expect(await cli("run", "--session", "ses_on", "one")).toMatchObject({ code: 0, stdout: "one\n" });
    const args = ["run", "--session", "ses_on", "--json", "-", "--data", up.dataDir];
    const { code, stdout } = await runCommand(args, { stdin: Buffer.from("two") });
    expect(code).toBe(0);
    expect(lines(stdout).map(({ type }) => type)).toEqual(["turn_started", "text", "turn_ended"]);
    const { stdout: shown } = await cli("sessions", "show", "ses_on", "--json");
    expect(JSON.parse(shown)).toMatchObject({
      session_id: "ses_on",
      turns: [{ status: "finished" }, { status: "finished" }],
    });
  });

  test("reaches the server that is named, also by the variables of existing installations", async () => {
    const env = { UA_GATEWAY_URL: url, UA_INTERNAL_API_TOKEN: key, HOME: folder.path };
    expect(await runCommand(["run", "hello"], { env })).toMatchObject({ code: 0, stdout: "hello\n" });
    const wrong = { RUNNER_RELAY_SESSIONS_API_KEY: "another-key-0123456789", HOME: folder.path };
    const refused = await runCommand(["run", "--gateway-url", url, "hello"], { env: wrong });
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/^inbound_unauthorized: /);
  });

  test("a turn that fails is a failure, with the agent's reason", async () => {
    expect(await cli("run", "fail")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\nturn_failed: RUNNER_ERROR: the agent answered 500\n$/) as string,
    });
    expect(await cli("run", " ")).toMatchObject({ code: 2 });
  });

  test("Ctrl-C cancels the turn", async () => {
    const run = begin("run", "--session", "ses_cancel", "stay");
    await eventually(() => expect(run.out()).toBe("staying"));
    run.child.kill("SIGINT");
    expect(await run.code()).toBe(130);
    const { stdout } = await cli("sessions", "show", "ses_cancel", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ turns: [{ status: "cancelled", cancel_requested: true }] });
  });

  test("Ctrl-C leaves at once what has not begun, and it never begins", async () => {
    const first = begin("run", "--session", "ses_queue", "stay");
    await eventually(() => expect(first.out()).toBe("staying"));
    const second = begin("run", "--session", "ses_queue", "never");
    const turns = async (): Promise<object[]> => {
      const { stdout } = await cli("sessions", "show", "ses_queue", "--json");
      return (JSON.parse(stdout) as { turns: object[] }).turns;
    };
    await eventually(async () => expect(await turns()).toHaveLength(2));
    second.child.kill("SIGINT");
    expect(await second.code()).toBe(130);
    expect(await turns()).toMatchObject([
      { status: "running" },
      { status: "queued", cancel_requested: true },
    ]);
    first.child.kill("SIGINT");
    expect(await first.code()).toBe(130);
    await eventually(async () =>
      expect(await turns()).toMatchObject([{ status: "cancelled" }, { status: "cancelled" }]),
    );
  });

  test("a terminal that is closed does not end the turn: it is watched from another one, at its cursor", async () => {
    const run = begin("run", "--session", "ses_left", "stay");
    await eventually(() => expect(run.out()).toBe("staying"));
    run.child.kill("SIGKILL");
    await run.code();
    const seen = lines((await cli("sessions", "watch", "ses_left", "--no-follow", "--json")).stdout);
    const [turn, started] = seen.filter(({ turn_id }) => turn_id !== undefined);
    expect(started).toMatchObject({ type: "turn_started" });
    const cursor = String(started?.["cursor"]);
    const again = begin("sessions", "watch", "ses_left", "--after", cursor);
    await eventually(() => expect(again.out()).toMatch(/ text .*staying\n/));
    expect(again.out()).not.toMatch(/turn_started/);
    await fetch(`${url}/sessions/ses_left/turns/${String(turn?.["turn_id"])}/cancel`, {
      method: "POST",
      headers: { "x-api-key": key, "content-type": "application/json" },
      body: "{}",
    });
    await eventually(() => expect(again.out()).toMatch(/turn_ended .*cancelled\n/));
    again.child.kill("SIGINT");
    expect(await again.code()).toBe(0);
    expect(again.err()).toMatch(/to come back: .* sessions watch ses_left .*--after \d+\.\w+/);
  });
});

describe("sessions", () => {
  test("are listed, shown and deleted", async () => {
    await cli("run", "--session", "ses_gone", "hello");
    const listed = lines((await cli("sessions", "ls", "--json")).stdout);
    expect(listed.map(({ session_id }) => session_id)).toContain("ses_gone");
    expect((await cli("sessions", "ls", "--limit", "1")).stdout).toMatch(
      /^session .*\nses_.*\nthere are more/,
    );
    expect((await cli("sessions", "show", "ses_gone")).stdout).toMatch(/session +ses_gone\n.*\n.*finished/s);
    expect(await cli("sessions", "rm", "ses_gone")).toMatchObject({ code: 2 });
    expect(await cli("sessions", "rm", "ses_gone", "--yes")).toMatchObject({
      code: 0,
      stdout: "deleted ses_gone\n",
    });
    const gone = await cli("sessions", "show", "ses_gone");
    expect(gone).toMatchObject({ code: 1, stderr: expect.stringMatching(/^session_unknown: /) as string });
  });

  test("the watch of a session that is deleted ends, and says so", async () => {
    await cli("run", "--session", "ses_ends", "hello");
    const watch = begin("sessions", "watch", "ses_ends");
    await eventually(() => expect(watch.out()).toMatch(/turn_ended/));
    await cli("sessions", "rm", "ses_ends", "--yes");
    expect(await watch.code()).toBe(1);
    expect(watch.err()).toMatch(/session_unknown: the session was deleted/);
  });

  test("a cursor that is none is a usage error", async () => {
    expect(await cli("sessions", "watch", "ses_on", "--after", "-1")).toMatchObject({ code: 2 });
  });
});

test("where nothing runs a turn has a server of its own, which ends with it; the session stays", async () => {
  await using other = await dataFolder();
  const args = ["--data", join(other.path, "data")];
  const first = await runCli(["run", "--session", "ses_own", "hello", ...args]);
  expect(first).toMatchObject({ code: 0, stdout: "hello\n" });
  const second = await runCli(["run", "--session", "ses_own", "again", ...args]);
  expect(second).toMatchObject({ code: 0, stdout: "again\n" });
  const later = startUp(other.path, { also: ["sessions"] }); // it would not start if anything still used the folder
  try {
    await later.ready();
    const { stdout } = await runCommand(["sessions", "show", "ses_own", "--json", ...args]);
    expect((JSON.parse(stdout) as { turns: unknown[] }).turns).toHaveLength(2);
  } finally {
    await later.stop();
  }
});
