import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { keepRunning, type Child } from "../../../src/cli/up/child.ts";
import { systemClock } from "../../../src/shared/clock.ts";
import { silentLogger } from "../../../src/shared/logger.ts";

const READY = `process.stdout.write(JSON.stringify({ ready: true, url: "http://" + process.pid }) + "\\n");`;
const STAY = `setInterval(() => {}, 1000);`;

async function child(source: string, mayFail: Promise<unknown> = Promise.resolve()) {
  const dir = await mkdtemp(join(tmpdir(), "rr-child-"));
  const main = join(dir, "main.mjs");
  await writeFile(main, source);
  const urls: string[] = [];
  const fatal: Error[] = [];
  const it: Child = keepRunning({
    plan: { name: "c", main, env: { PATH: process.env["PATH"] ?? "", MARK: dir }, nodeOptions: [] },
    clock: systemClock,
    log: silentLogger(),
    mayFail,
    onFatal: (error) => void fatal.push(error),
    onReady: (url) => void urls.push(url),
  });
  onTestFinished(async () => {
    await it.stop(0);
    await rm(dir, { recursive: true, force: true });
  });
  return { it, urls, fatal };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("a killed child runs again at once", async () => {
  const { it, urls } = await child(READY + STAY);
  await it.ready;
  const killedAt = performance.now();
  process.kill(it.pid() ?? 0, "SIGKILL");
  await expect.poll(() => urls.length, { interval: 5 }).toBe(2);
  expect(performance.now() - killedAt).toBeLessThan(2000);
});

test("code 78 ends the supervision: a restart cannot heal it", async () => {
  const { it, fatal } = await child("process.exit(78);");
  await expect(it.ready).rejects.toMatchObject({
    code: "child_failed",
    message: expect.stringContaining("78"),
  });
  expect(fatal).toHaveLength(1);
});

test("a child that is never ready fails the start after three attempts", async () => {
  const { it, fatal } = await child("process.exit(1);");
  await expect(it.ready).rejects.toMatchObject({ code: "child_failed" });
  expect(fatal).toHaveLength(1);
});

test("an end before its surroundings stand is not its fault", async () => {
  const stands = Promise.withResolvers<void>();
  const { it, fatal } = await child(
    `import { existsSync, writeFileSync } from "node:fs";
     const mark = process.env.MARK + "/mark";
     if (!existsSync(mark)) { writeFileSync(mark, ""); process.exit(78); }
     ${READY}${STAY}`,
    stands.promise,
  );
  await vi.waitFor(() => expect(it.pid()).toBeUndefined(), { interval: 5, timeout: 5000 });
  expect(fatal).toEqual([]);
  stands.resolve();
  await it.ready;
});

test("stop: TERM, then KILL for one that ignores it", async () => {
  const { it } = await child(`process.on("SIGTERM", () => {});${READY}${STAY}`);
  await it.ready;
  const pid = it.pid() ?? 0;
  await it.stop(50);
  expect(isAlive(pid)).toBe(false);
});
