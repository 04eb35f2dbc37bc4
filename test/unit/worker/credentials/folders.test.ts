import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { openTurnFolders, writeOwnFile } from "../../../../src/worker/credentials/folders.ts";
import { keepRenewed, SOONEST_MS } from "../../../../src/worker/credentials/renewal.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

function above(): string {
  const folder = mkdtempSync(join(tmpdir(), "rr-turns-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "agents", "turns");
}
const never = (): void => expect.unreachable();

test("folders are 0700 and files 0600 from the first byte, under any umask", () => {
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
  const at = above();
  const folder = openTurnFolders(at, process.pid).make();
  writeOwnFile(join(folder, "token"), "t");
  expect([at, folder, join(folder, "token")].map((it) => statSync(it).mode & 0o777)).toEqual([
    0o700, 0o700, 0o600,
  ]);
  symlinkSync("/tmp/elsewhere", join(folder, "link"));
  expect(() => writeOwnFile(join(folder, "link"), "t")).toThrow("EEXIST");
});

test("what processes left that live no more is removed, whatever became of their numbers", async () => {
  const at = above();
  const folders = openTurnFolders(at, process.pid);
  const child = spawn("sleep", ["60"]);
  onTestFinished(() => void child.kill());
  await once(child, "spawn");
  const others = openTurnFolders(at, child.pid ?? 0).make();
  const mine = folders.make();
  for (const name of ["1-1.abc", `${process.pid}-1.abc`, "junk"]) mkdirSync(join(at, name));
  writeFileSync(join(at, "1-1.abc", "github-token"), "t");
  expect(folders.sweep(never)).toBe(3);
  expect(
    readdirSync(at)
      .map((name) => join(at, name))
      .toSorted(),
  ).toEqual([mine, others].toSorted());
  child.kill();
  await once(child, "exit");
  expect(folders.sweep(never)).toBe(1);
});

test("a folder that its agent closed, or put a link in its place, is removed all the same", () => {
  const at = above();
  const folders = openTurnFolders(at, process.pid);
  const closed = folders.make();
  writeOwnFile(join(closed, "token"), "t");
  mkdirSync(join(closed, "sub"));
  chmodSync(closed, 0o000);
  folders.remove(closed);
  expect(existsSync(closed)).toBe(false);
  const target = above();
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, "kept"), "k");
  const linked = folders.make();
  rmSync(linked, { recursive: true });
  symlinkSync(target, linked);
  folders.remove(linked);
  expect(readFileSync(join(target, "kept"), "utf8")).toBe("k");
  expect(readdirSync(at)).toEqual([]);
});

test("a token is renewed 5 min before it expires, and tried again where that failed", async () => {
  const clock = createFakeClock();
  const hour = 60 * 60 * 1000;
  const renew = vi.fn<() => Promise<number | undefined>>();
  renew
    .mockRejectedValueOnce(new Error("away"))
    .mockResolvedValueOnce(undefined)
    .mockResolvedValue(clock.wall() + 2 * hour);
  const rest = keepRenewed(clock, clock.wall() + hour, renew);
  await clock.pass(hour - 5 * 60 * 1000 - 1);
  expect(renew).toHaveBeenCalledTimes(0);
  await clock.pass(1);
  expect(renew).toHaveBeenCalledTimes(1);
  await clock.pass(SOONEST_MS);
  expect(renew).toHaveBeenCalledTimes(2);
  await clock.pass(SOONEST_MS);
  expect(renew).toHaveBeenCalledTimes(3);
  await clock.pass(10 * SOONEST_MS);
  expect(renew).toHaveBeenCalledTimes(3);
  rest();
  await clock.pass(3 * hour);
  expect(renew).toHaveBeenCalledTimes(3);
  expect(clock.pending()).toBe(0);
  keepRenewed(clock, undefined, renew)();
  expect(clock.pending()).toBe(0);
});
