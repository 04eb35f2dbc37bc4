import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants, openSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findExecutable } from "../../../src/embedded/command.ts";
import { eventually } from "../../support/eventually.ts";

/**
 * Says so many lines on stderr, then writes into a file that it is still there. SIGTERM ends it, with a last line. A process of its own for
 * each test: what a descriptor does to a process is seen from outside only.
 */
const TALKER = `
import { renameSync, writeFileSync } from "node:fs";
import { standardLines } from ${JSON.stringify(resolve(import.meta.dirname, "../../../src/shared/base/output/standard.ts"))};

const [report, count] = process.argv.slice(2);
const lines = standardLines(2, "talker");
for (let n = 0; n < Number(count); n++) lines.write(JSON.stringify({ n, pad: "é".repeat(60) }) + "\\n");
process.on("SIGTERM", () => {
  lines.write(JSON.stringify({ last: true }) + "\\n");
  process.exit(0);
});
writeFileSync(report + ".new", JSON.stringify({ pid: process.pid, dropped: lines.dropped() }));
renameSync(report + ".new", report);
setInterval(() => {}, 60_000);
`;
/** 5 MB: more than any pipe, socket or terminal takes, and than may wait. */
const MANY = 35_000;
const A_FEW = 3;

const hasScript = findExecutable("script", process.env["PATH"]) !== undefined;

type Talk = { pid: number; dropped: number };
type Line = { n?: number; dropped?: number; reason?: string; last?: boolean };

/** Runs a shell command line in which `$TALK` is the talker; `folder` is the test's own. */
async function start(command: string, count: number) {
  const folder = await mkdtemp(join(tmpdir(), "rr-lines-"));
  const report = join(folder, "report");
  await writeFile(join(folder, "talker.mjs"), TALKER);
  const child = spawn("sh", ["-c", command], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"],
      TERM: "dumb",
      SHELL: "/bin/sh",
      TALK: `'${process.execPath}' talker.mjs '${report}' ${count}`,
    },
    stdio: "pipe",
  });
  const ended = once(child, "exit");
  child.stdin.on("error", () => {});
  let pid: number | undefined;
  onTestFinished(async () => {
    if (pid !== undefined && isAlive(pid)) process.kill(pid, "SIGKILL");
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });
  const talked = (): Promise<Talk> =>
    eventually(async () => {
      const talk = JSON.parse(await readFile(report, "utf8")) as Talk;
      ({ pid } = talk);
      return talk;
    });
  return { child, ended, folder, talked };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Ends it as a service manager does. */
async function stop(pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  await eventually(() => expect(isAlive(pid)).toBe(false));
}

/** Reads on until the talker's last line; every line is whole, and none is missing without being counted. */
async function readAll(from: NodeJS.ReadableStream, talk: Talk, ended: Promise<unknown>): Promise<void> {
  let text = "";
  from.setEncoding("utf8");
  from.on("data", (chunk: string) => (text += chunk));
  const said = (words: string): Promise<void> =>
    eventually(() => expect(text.includes(words), words).toBe(true));
  await said("log lines were dropped");
  process.kill(talk.pid, "SIGTERM");
  await ended;
  await said('"last"');
  const lines = text
    .trim()
    .split(/\r?\n/)
    .map((line) => JSON.parse(line) as Line);
  let next = 0;
  for (const line of lines) {
    if (line.n !== undefined) expect(line.n).toBe(next++);
    else if (line.dropped !== undefined) {
      expect(line).toMatchObject({ level: 40, name: "talker", reason: "the reader is not reading" });
      next += line.dropped;
    }
  }
  expect(next).toBe(MANY);
  expect(lines.at(-1)).toEqual({ last: true });
}

test("a named pipe without a reader: the process continues, and says later what is missing", async () => {
  const it = await start(
    'mkfifo pipe; touch made; until [ -e open ]; do sleep 0.02; done; exec $SHELL -c "exec $TALK" 2>pipe',
    MANY,
  );
  await eventually(() => stat(join(it.folder, "made")));
  const fd = openSync(join(it.folder, "pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
  spawnSync("touch", [join(it.folder, "open")]);
  const talk = await it.talked();
  expect(talk.dropped).toBeGreaterThan(0);
  await readAll(new Socket({ fd, readable: true, writable: false }), talk, it.ended);
});

test("a socket without a reader, as of a journal or a Node parent", async () => {
  const it = await start('eval "exec $TALK"', MANY);
  const talk = await it.talked();
  expect(talk.dropped).toBeGreaterThan(0);
  await readAll(it.child.stderr, talk, it.ended);
});

test.runIf(hasScript)("a terminal that is halted", async () => {
  const it = await start('exec script -qec "$TALK" /dev/null', MANY);
  const talk = await it.talked();
  expect(talk.dropped).toBeGreaterThan(0);
  await readAll(it.child.stdout, talk, it.ended);
});

test.runIf(hasScript).each([A_FEW, MANY])("a terminal that is closed, after %i lines", async (count) => {
  const it = await start('exec script -qec "setsid -w $TALK" /dev/null', count);
  const { pid } = await it.talked();
  it.child.kill("SIGKILL");
  await it.ended;
  await stop(pid);
});

test.each([
  ["a pipe whose reader ended", `eval "$TALK" 2>&1 >/dev/null | true`],
  ["a pipe whose reader sees enough", `eval "$TALK" 2>&1 >/dev/null | head -c 10`],
  ["a device that is always full", `eval "exec $TALK" 2>/dev/full`],
  ["a file that may not grow", `ulimit -f 8; trap '' XFSZ; eval "exec $TALK" 2>log`],
  ["a descriptor that is closed", `eval "exec $TALK" 2>&-`],
  ["all of them closed", `eval "exec $TALK" <&- >&- 2>&-`],
])("%s: the process goes on, and ends when it is asked to", async (_, command) => {
  for (const count of [A_FEW, MANY]) {
    const it = await start(command, count);
    const { pid } = await it.talked();
    await stop(pid);
    expect(await it.ended).toEqual([0, null]);
  }
});

test("our descriptor does not make the pipe non-blocking for those that share it", async () => {
  const it = await start('mkfifo pipe; (eval "exec $TALK" & wait) 2>pipe & cat pipe >/dev/null', A_FEW);
  const { pid } = await it.talked();
  if (process.platform !== "linux") return;
  const flags = /flags:\s*(\d+)/.exec(await readFile(`/proc/${pid}/fdinfo/2`, "utf8"))?.[1];
  expect(Number.parseInt(flags ?? "", 8) & constants.O_NONBLOCK).toBe(0);
  await stop(pid);
});
