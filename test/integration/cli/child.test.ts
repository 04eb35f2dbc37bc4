import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keepRunning, type Child } from "../../../src/cli/up/child.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import type { Lines } from "../../../src/shared/base/output/lines.ts";
import { eventually } from "../../support/eventually.ts";

const READY = `process.stdout.write(JSON.stringify({ ready: true, url: "http://" + process.pid }) + "\\n");`;
const STAY = `setInterval(() => {}, 1000);`;

/** A stderr that takes `room` lines, until it is emptied. */
function stderr(room = Infinity) {
  const texts: string[] = [];
  const wanted = new Set<() => void>();
  const hasRoom = () => texts.length < room;
  return {
    texts,
    empty() {
      texts.length = 0;
      for (const fn of wanted) fn();
      wanted.clear();
    },
    write: (text: string) => void texts.push(text),
    dropped: () => 0,
    hasRoom,
    onRoom(fn: () => void) {
      wanted.add(fn);
      return () => void wanted.delete(fn);
    },
    flush() {},
  };
}

async function child(
  source: string,
  mayFail: Promise<unknown> = Promise.resolve(),
  lines: Lines = stderr(),
  more: { told?: Promise<Record<string, string>>; beforeRestart?: () => Promise<unknown> } = {},
) {
  const dir = await mkdtemp(join(tmpdir(), "rr-child-"));
  const main = join(dir, "main.mjs");
  await writeFile(main, source);
  const urls: string[] = [];
  const fatal: Error[] = [];
  const it: Child = keepRunning({
    plan: {
      name: "c",
      main,
      args: [],
      env: { PATH: process.env["PATH"] ?? "", MARK: dir },
      nodeOptions: [],
      ...(more.told === undefined ? {} : { told: more.told }),
    },
    clock: systemClock,
    log: silentLogger(),
    lines,
    mayFail,
    onFatal: (error) => void fatal.push(error),
    onReady: (url) => void urls.push(url),
    ...(more.beforeRestart === undefined ? {} : { beforeRestart: more.beforeRestart }),
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

test("a killed child runs again", async () => {
  const { it, urls } = await child(READY + STAY);
  await it.ready;
  process.kill(it.pid() ?? 0, "SIGKILL");
  await expect.poll(() => urls.length, { interval: 5 }).toBe(2);
});

test("a child that gets its settings later is restarted at once, and gets them when they are there again; another waits for them", async () => {
  const restored = Promise.withResolvers<void>();
  const beforeRestart = (): Promise<void> => restored.promise;
  const tells = `process.on("message", ({ X }) => process.stdout.write(JSON.stringify({ ready: true, url: X }) + "\\n"));`;
  const told = Promise.resolve({ X: "http://told" });
  const early = await child(tells + STAY, undefined, undefined, { told, beforeRestart });
  const late = await child(READY + STAY, undefined, undefined, { beforeRestart });
  const killed: number[] = [];
  for (const { it } of [early, late]) {
    await it.ready;
    killed.push(it.pid() ?? 0);
    process.kill(it.pid() ?? 0, "SIGKILL");
  }
  await expect.poll(() => late.it.pid(), { interval: 5 }).toBeUndefined();
  await expect.poll(() => early.it.pid() ?? killed[0], { interval: 5 }).not.toBe(killed[0]);
  expect(early.urls).toHaveLength(1);
  expect(late.it.pid()).toBeUndefined();
  restored.resolve();
  await expect.poll(() => early.urls, { interval: 5 }).toEqual(["http://told", "http://told"]);
  await expect.poll(() => late.urls.length, { interval: 5 }).toBe(2);
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
  await eventually(() => expect(it.pid()).toBeUndefined(), 5);
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

test("its lines arrive whole, and the last ones arrive before its end is reported", async () => {
  const said = stderr();
  const half = `process.stderr.write("half "); await new Promise((done) => setImmediate(done));`;
  const { it, fatal } = await child(
    `${half} process.stderr.write("a line\\nwhy\\nlast"); process.exitCode = 78;`,
    Promise.resolve(),
    said,
  );
  await expect(it.ready).rejects.toMatchObject({ code: "child_failed" });
  expect(fatal).toHaveLength(1);
  expect(said.texts.join("")).toBe("half a line\nwhy\nlast\n");
  for (const text of said.texts) expect(text).toMatch(/\n$/);
});

test("while there is no room for its lines it is not read, and it is started again all the same", async () => {
  const said = stderr(1);
  const talk = `process.stderr.write("line\\n".repeat(1_000_000));${STAY}`;
  const { it, urls } = await child(READY + talk, Promise.resolve(), said);
  await it.ready;
  await eventually(() => expect(said.texts.length).toBeGreaterThan(0), 5);
  const passed = said.texts.length;
  process.kill(it.pid() ?? 0, "SIGKILL");
  await expect.poll(() => urls.length, { interval: 5 }).toBe(2);
  expect(said.texts.length, "what it had said").toBeGreaterThan(passed);
  said.empty();
  await eventually(() => expect(said.texts.length).toBeGreaterThan(0), 5);
});

test("a grandchild that keeps its stderr open does not keep it from being started again", async () => {
  const { it, urls } = await child(
    `import { spawn } from "node:child_process";
     const other = spawn("sleep", ["20"], { stdio: ["ignore", "ignore", "inherit"] });
     process.stderr.write(other.pid + "\\n");
     ${READY}${STAY}`,
  );
  await it.ready;
  process.kill(it.pid() ?? 0, "SIGKILL");
  await expect.poll(() => urls.length, { interval: 5 }).toBe(2);
});
