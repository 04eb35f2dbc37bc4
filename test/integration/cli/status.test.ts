import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import type { Status } from "../../../src/operate/status.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { operatorCli, operatorEnv, startOperator } from "../../support/operator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { runCommand } from "../../support/command.ts";
import { eventually } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

const MAIN = mainOf("cli");

async function setUp() {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const { append } = createAppender(await broker.connect("gateway"));
  return { broker, append, cli: operatorCli(broker), env: operatorEnv(broker) };
}

test("an outage: whose events wait, why, at which relay, and how fast", async () => {
  const { broker, append, cli } = await setUp();
  await using coordinator = await startCoordinator();
  await using relay = await startTestRelay(broker, coordinator.url);
  void relay;
  await append("ses_done");
  await eventually(async () => expect(await backlog(cli)).toBe(0));
  const gone = Date.now();
  await coordinator[Symbol.asyncDispose]();
  for (let i = 0; i < 3; i++) await append("ses_1");
  await append("ses_2");
  const status = await eventually(async () => {
    const now = JSON.parse((await cli("status", "--json")).stdout) as Status;
    expect(now.relays[0]?.coordinator).toMatchObject({ state: "away", reason: "breaker_open" });
    return now;
  });
  const since = status.relays[0]?.coordinator.since ?? 0;
  expect(since).toBeGreaterThanOrEqual(gone);
  expect(since).toBeLessThanOrEqual(Date.now());
  expect(status).toMatchObject({
    backlog: { events: 4 },
    oldestWaiting: expect.stringMatching(/^\d{4}-/),
    sessions: {
      source: "relays",
      complete: true,
      list: [
        { session: "ses_1", events: 3, bytes: expect.any(Number) },
        { session: "ses_2", events: 1, bytes: expect.any(Number) },
      ],
    },
    rates: { in: 0, out: 0, seconds: expect.any(Number) },
    unowned: [],
  });
  const { stdout } = await cli("status", "--top", "1");
  expect(stdout).toMatch(/^relay-a +away for \d+s \(breaker_open\) +[0-7 -]+ +0 +4$/m);
  expect(stdout).toMatch(
    /^SESSIONS OF THE COORDINATOR\nses_1 +waiting, 3 events waiting, .*B\n +(?:waits|failing) since .* UTC.*ECONNREFUSED.*\n1 more session \(--top N\)$/m,
  );
});

async function backlog(cli: ReturnType<typeof operatorCli>): Promise<number> {
  return (JSON.parse((await cli("status", "--json")).stdout) as Status).backlog.events;
}

test("--watch --json: a document a line, through a restart of the broker, until Ctrl-C", async () => {
  const { broker, append } = await setUp();
  const { process: watch, ended } = startOperator(broker, "status", "--watch", "0.5", "--json");
  const lines: { at: string; backlog?: { events: number }; error?: { code: string } }[] = [];
  let rest = "";
  watch.stdout?.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts.map((line) => JSON.parse(line) as (typeof lines)[number]));
  });
  await eventually(() => expect(lines.at(-1)?.backlog?.events).toBe(0));
  await append("ses_1");
  await eventually(() => expect(lines.at(-1)?.backlog?.events).toBe(1));
  await broker.kill9();
  await eventually(() => expect(lines.at(-1)?.error?.code).toBe("log_unreachable"));
  await broker.restart();
  await eventually(() => expect(lines.at(-1)?.backlog?.events).toBe(1));
  watch.kill("SIGINT");
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
});

test("bad days: no broker, a wrong password, no log", async () => {
  const broker = await startTestBroker({ sync: false });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const env = operatorEnv(broker);
  const [away, refused, empty] = await Promise.all([
    runCommand(["status"], { env: { ...env, NATS_URL: "nats://127.0.0.1:9" } }),
    runCommand(["status"], { env: { ...env, NATS_PASSWORD: "wrong" } }),
    runCommand(["status"], { env }),
  ]);
  expect(away).toMatchObject({ code: 1, stderr: expect.stringMatching(/^log_unreachable: nats:\/\/127/) });
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^broker_refused: /) });
  expect(empty).toMatchObject({ code: 1, stderr: expect.stringMatching(/^stream_missing: .*provision`\n$/) });
});

test.runIf(existsSync("/usr/bin/script"))(
  "a terminal of 40 columns: nothing is broken, it is redrawn in place",
  async () => {
    const { append, env } = await setUp();
    await append("a-session-with-a-name-that-is-longer-than-the-terminal-is-wide");
    const child = spawn(
      "/usr/bin/script",
      ["-qec", `stty cols 40 rows 40; exec ${process.execPath} ${MAIN} status --watch 0.5`, "/dev/null"],
      {
        env: { ...bareEnv(), TERM: "xterm-256color", ...env },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const ended = once(child, "close");
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
    await eventually(() => expect(shown.split("\u001b[J")).toHaveLength(4));
    child.kill();
    await ended;
    expect(shown.split("\u001b[2J")).toHaveLength(2);
    const lines = shown.replaceAll(/\u001b\[[\d;]*[A-Za-z]/g, "").split("\r\n");
    expect(lines.filter((line) => line.length > 40)).toEqual([]);
    expect(shown).toContain("\u001b[31mno relay answers");
    expect(lines.some((line) => line.includes("…") && line.startsWith("a-session-with"))).toBe(true);
  },
);
