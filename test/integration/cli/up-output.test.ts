import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ReadyInfo } from "../../../src/cli/up/kept.ts";
import { findExecutable } from "../../../src/embedded/command.ts";
import { dataFolder, without, type LeftOut } from "../../support/up.ts";
import { eventually, PATIENCE_MS } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

/** What becomes of `up`, its children and the events when nobody takes what they say. The descriptors one by one: ../output. */
const MAIN = mainOf("cli");
/** 600 events write 250 kB at `trace`: more than a socket or a terminal takes in lines of that size. */
const MANY = 600;
const SOME = 40;
/** What `up` runs besides gateway, broker, relay and stand-in. */
const CHILDREN_OF = { sessions: ["serve", "worker"], console: ["console"] } as const;
const EVERYTHING = ["sessions", "console"] as const;
const hasScript = findExecutable("script", process.env["PATH"]) !== undefined;

type Running = {
  shell: ChildProcess;
  info: ReadyInfo;
  /** Whether `up` is there. */
  lives(): boolean;
  /** How many children it has. */
  many: number;
  /** Its children, by number and name. */
  children(): string[];
};

/** Runs a shell command line in which `$UP` is `up`; nobody reads what it says unless the test does. */
async function start(command: string, also: readonly LeftOut[]): Promise<Running> {
  const folder = await dataFolder();
  const readyFile = join(folder.path, "ready.json");
  const up = [process.execPath, MAIN, "up", "--data", join(folder.path, "data"), "--ready-file", readyFile];
  const shell = spawn("sh", ["-c", command], {
    cwd: folder.path,
    env: {
      ...bareEnv(),
      ...without(also),
      HOME: process.env["HOME"],
      TERM: "dumb",
      SHELL: "/bin/sh",
      UP: `${up.map((word) => `'${word}'`).join(" ")} --log-level trace`,
    },
    stdio: "pipe",
  });
  shell.stdin.on("error", () => {});
  onTestFinished(async () => {
    shell.kill("SIGKILL");
    await folder[Symbol.asyncDispose]();
  });
  const info = await eventually(async () => JSON.parse(await readFile(readyFile, "utf8")) as ReadyInfo);
  return {
    shell,
    info,
    many: 4 + also.flatMap((it) => CHILDREN_OF[it]).length,
    lives: () => isAlive(info.pid),
    children: () =>
      readFileSync(`/proc/${info.pid}/task/${info.pid}/children`, "utf8")
        .trim()
        .split(" ")
        .map(
          (pid) => `${pid} ${/(?:gateway|relay|coordinator)\/main|nats-server/.exec(commandOf(pid))?.[0]}`,
        ),
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function commandOf(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8");
}

async function post(gateway: string, n: number): Promise<number> {
  const reply = await fetch(`${gateway}/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      session_id: `s-${n % 20}`,
      event_type: "message",
      timestamp: "2026-01-01T00:00:00Z",
      n,
    }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  await reply.arrayBuffer();
  return reply.status;
}

/** Posts events, which all are taken; and everybody is who it was. */
async function holds({ info, many, children, lives }: Running, events: number): Promise<void> {
  const before = await eventually(() => {
    const all = children();
    expect(all).toHaveLength(many); // the worker is the last one, and nobody waits for it
    return all;
  });
  for (let n = 0; n < events; n += 20) {
    const statuses = await Promise.all(Array.from({ length: 20 }, (_, i) => post(info.gateway, n + i)));
    expect(statuses.filter((status) => status < 200 || status > 299)).toEqual([]);
  }
  expect((await fetch(`${info.relay}/health`)).status).toBe(200);
  expect(lives()).toBe(true);
  expect(children()).toEqual(before);
}

async function stop({ info, lives }: Running, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  process.kill(info.pid, signal);
  await eventually(() => expect(lives()).toBe(false));
}

test("output without a reader: events are delivered, and once it is read again lines are whole", async () => {
  const it = await start('eval "exec $UP"', EVERYTHING);
  await holds(it, MANY);
  let text = "";
  it.shell.stderr?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  it.shell.stdout?.resume();
  const ended = once(it.shell, "close");
  await eventually(() => expect(text.length).toBeGreaterThan(200_000));
  await stop(it);
  expect(await ended).toEqual([0, null]);
  const names = new Set(
    text
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { name: string }).name),
  );
  expect([...names].sort()).toEqual(["console", "coordinator", "gateway", "relay", "serve", "up", "worker"]);
  expect(text, "the last lines of the children").toContain('"msg":"relay stopping"');
});

test("output that is never read: killed children are restarted, and up stops in time with code 0", async () => {
  const it = await start('eval "exec $UP"', EVERYTHING);
  await holds(it, MANY);
  const gateway = it.children().find((child) => child.endsWith("gateway/main"));
  process.kill(Number(gateway?.split(" ")[0]), "SIGKILL");
  await eventually(async () => expect(await post(it.info.gateway, 0)).toBeLessThan(300));
  await holds(it, SOME);
  const ended = once(it.shell, "exit");
  await stop(it);
  expect(await ended).toEqual([0, null]);
});

test.each([
  ["whose reader ended", `eval "$UP" 2>&1 | true`],
  ["whose reader has seen enough", `eval "$UP" 2>&1 | head -n 1`],
  ["on a device that is always full", `eval "exec $UP" >/dev/full 2>&1`],
  ["in a file that may not grow", `eval "exec $UP" >/dev/null 2>/dev/full`],
  ["that is closed", `eval "exec $UP" <&- >&- 2>&-`],
])("output %s: events flow, and it stops when it is asked to", async (_, command) => {
  const it = await start(command, []);
  await holds(it, SOME);
  await stop(it);
});

test.runIf(hasScript).each([
  ["with setsid", 'exec script -qec "setsid -w $UP" /dev/null'],
  ["with nohup", 'exec script -qec "nohup $UP" /dev/null'],
])("a terminal that is closed, after a start %s: it goes on", async (_, command) => {
  const it = await start(command, []);
  it.shell.kill("SIGKILL");
  await once(it.shell, "exit");
  await holds(it, SOME);
  await stop(it);
});

test.runIf(hasScript)("a terminal that is halted: events flow", async () => {
  const it = await start('exec script -qec "$UP" /dev/null', []); // nobody reads what `script` writes
  await holds(it, MANY);
  await stop(it);
});

test.runIf(hasScript)(
  "a terminal that is closed before it: it ends as on SIGTERM, with everything",
  async () => {
    const it = await start('exec script -qec "$UP" /dev/null', EVERYTHING);
    const children = it.children().map((child) => Number(child.split(" ")[0]));
    it.shell.kill("SIGKILL");
    await eventually(() => expect([it.info.pid, ...children].filter(isAlive)).toEqual([]));
  },
);

test("SIGHUP without a terminal is ignored", async () => {
  const it = await start('eval "exec $UP" >/dev/null 2>&1 </dev/null', []);
  process.kill(it.info.pid, "SIGHUP");
  await holds(it, SOME);
  await stop(it);
});
