import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import type { Guard } from "../../../src/guard/guard.ts";
import { killMarked, MARK } from "../../../src/guard/kill.ts";
import { openPidFiles } from "../../../src/guard/pid-files.ts";
import { spawnAgent } from "../../../src/guard/spawn-agent.ts";

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), "rr-pids-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "agents");
}

/** A program that lives until it is killed, in a group of its own. */
async function program(mark?: string): Promise<ChildProcess & { pid: number }> {
  const env = mark === undefined ? {} : { [MARK]: mark };
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
    env,
    detached: true,
    stdio: "ignore",
  });
  await once(child, "spawn");
  onTestFinished(() => void child.kill("SIGKILL"));
  return Object.assign(child, { pid: child.pid ?? 0 });
}

/** The number of a process that has ended. */
async function dead(): Promise<number> {
  const child = spawn("true");
  await once(child, "exit");
  return child.pid ?? 0;
}

test("LEFT-1: what a worker left behind that lives no more is ended by the next one", async () => {
  const folder = folderOf();
  const before = openPidFiles(folder, await dead());
  const [left, ended] = [await program("m-left"), await program("m-ended")];
  before.note(left.pid, "m-left");
  before.note(ended.pid, "m-ended")();
  const gone = once(left, "exit");
  expect(await openPidFiles(folder, process.pid).sweep()).toBe(1);
  expect(await gone).toEqual([null, "SIGKILL"]);
  expect(ended.exitCode).toBeNull();
  expect(readdirSync(folder)).toEqual([]);
});

test("programs of a worker that lives stay, and so does a stranger with the number of one that has ended", async () => {
  const folder = folderOf();
  const [own, stranger] = [await program("m-own"), await program()];
  openPidFiles(folder, process.ppid).note(own.pid, "m-own");
  openPidFiles(folder, await dead()).note(stranger.pid, "m-old");
  expect(await openPidFiles(folder, process.pid).sweep()).toBe(0);
  expect([own.signalCode, stranger.signalCode]).toEqual([null, null]);
  expect(readdirSync(folder)).toHaveLength(1);
});

test("a folder that is not there, and files of others in it, are no trouble", async () => {
  const folder = folderOf();
  const files = openPidFiles(folder, process.pid);
  expect(await files.sweep()).toBe(0);
  files.note(1, "m")();
  writeFileSync(join(folder, "notes.txt"), "");
  expect(await files.sweep()).toBe(0);
  expect(readdirSync(folder)).toEqual(["notes.txt"]);
});

test("LEFT-1: a folder that was moved away is not made again, and the program that cannot be noted does not stay", async () => {
  const folder = folderOf();
  const pidFiles = openPidFiles(folder, process.pid);
  rmSync(folder, { recursive: true });
  const guard = { watch: async () => {}, extend: () => {}, forget: () => {} };
  const hold = {
    until: () => systemClock.now() + 60_000,
    onRenewed: () => () => {},
    lost: new AbortController().signal,
  };
  const deps = {
    guard: () => guard as unknown as Guard,
    clock: systemClock,
    env: {},
    random: () => "m-refused",
    pidFiles,
  };
  const command = { file: "/bin/sleep", args: ["60"], env: {} };
  await expect(spawnAgent(deps, { hold, folder: tmpdir() }, command)).rejects.toThrow("ENOENT");
  expect(await killMarked(0, "m-refused"), "nothing was left to kill").toBe(false);
  expect(existsSync(folder)).toBe(false);
});
