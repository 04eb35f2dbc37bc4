import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runShell, type ShellResult } from "../../../src/agents/claude-api/shell.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import type { Guard } from "../../../src/guard/guard.ts";
import { agentEnvironment } from "../../../src/worker/environment.ts";
import { spawnAgent, type Hold } from "../../../src/guard/spawn-agent.ts";
import { eventually } from "../../support/eventually.ts";
import { NO_PID_FILES } from "../../support/no-pid-files.ts";

let folder: string;
/** The commands end with their test, not with its process. */
const guard: Guard = {
  watch: () => Promise.resolve(),
  extend: () => undefined,
  forget: () => undefined,
  lives: () => true,
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rr-shell-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hold: Hold = {
  until: () => systemClock.now() + 60_000,
  onRenewed: () => () => undefined,
  lost: new AbortController().signal,
};

function run(command: string, of: { ms?: number; signal?: AbortSignal } = {}): Promise<ShellResult> {
  const deps = {
    guard: () => guard,
    clock: systemClock,
    env: agentEnvironment({ PATH: process.env["PATH"], SECRET: "x" }),
    random: randomUUID,
    pidFiles: NO_PID_FILES,
  };
  const { ms, signal = new AbortController().signal } = of;
  const spawn = (it: Parameters<typeof spawnAgent>[2]): ReturnType<typeof spawnAgent> =>
    spawnAgent(deps, { hold, folder }, it);
  return runShell({ spawn, clock: systemClock, signal }, command, ms);
}

test("a command says what it says, and how it ended", async () => {
  expect(await run("echo one; echo two >&2")).toMatchObject({ isError: false });
  expect(await run("cat; pwd")).toEqual({ content: folder, isError: false }); // it has no input
  expect(await run("echo bad; exit 3")).toEqual({ content: "bad\n(exit code 3)", isError: true });
  expect(await run("kill -9 $$")).toEqual({ content: "(ended by SIGKILL)", isError: true });
  expect((await run("echo $SECRET")).content).toBe("");
});

test("BOUND-1: of a long output the beginning and the end are kept", async () => {
  const { content } = await run("echo begin; yes x | head -c 10000000; echo end");
  expect(content).toMatch(/^begin\n(?:.|\n)*characters left out(?:.|\n)*\nend$/);
  expect(content.length).toBeLessThan(70_000);
});

test("a command that takes too long, or whose turn ends, is stopped with what it started", async () => {
  const late = await run("sleep 600 & echo started; sleep 600", { ms: 300 });
  expect(late).toEqual({ content: "started\n(stopped after 0.3 s)", isError: true });
  const ending = new AbortController();
  const over = run(`touch began; sleep 600`, { signal: ending.signal });
  await eventually(async () => expect((await run("ls")).content).toContain("began"));
  ending.abort();
  expect((await over).isError).toBe(true);
});
