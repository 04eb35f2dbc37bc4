import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bareEnv } from "../../support/bare-env.ts";
import { eventually } from "../../support/eventually.ts";

/** A program that writes a file without end, beside one that left its process group and one that survived its parent. */
const WRITER = `
write() { while :; do echo x >> "$1"; sleep 0.02; done; }
trap "" TERM
if command -v setsid > /dev/null; then setsid sh -c 'while :; do echo x >> left; sleep 0.02; done' &
else echo x > left; fi
(write orphan & )
write own
`;

type Run = { folder: string; worker: ChildProcess; output: () => string };

async function run(script: string): Promise<Run> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "rr-guard-")));
  writeFileSync(join(folder, "agent.sh"), script);
  const main = new URL("guarded.ts", import.meta.url).pathname;
  const worker = spawn(process.execPath, [main, folder, "sh", "agent.sh"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...bareEnv(), SECRET: "s" },
  });
  let output = "";
  worker.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  onTestFinished(async () => {
    worker.kill("SIGKILL");
    await eventually(() => expect(processesIn(folder)).toEqual([]));
    for (const it of [folder, `${folder}-pids`]) rmSync(it, { recursive: true, force: true, maxRetries: 5 });
  });
  return { folder, worker, output: () => output };
}

/** Processes that work in the folder; none where the system does not tell. */
function processesIn(folder: string): string[] {
  return entries().filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === folder;
    } catch {
      return false; // gone meanwhile, or not ours
    }
  });
}

function entries(): string[] {
  try {
    return readdirSync("/proc");
  } catch {
    return [];
  }
}

const FILES = ["own", "orphan", "left"];
const sizes = (folder: string): number[] => FILES.map((name) => statSync(join(folder, name)).size);

async function writing(folder: string): Promise<void> {
  await eventually(() => expect(Math.min(...sizes(folder))).toBeGreaterThan(0));
}

/** Resolves when nothing is written any more. */
async function stillness(folder: string): Promise<void> {
  await eventually(() => expect(processesIn(folder)).toEqual([]));
  const before = sizes(folder);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(sizes(folder)).toEqual(before);
}

test("LEFT-1: a worker that is killed leaves nothing of its agent for longer than 5 s", async () => {
  const { folder, worker } = await run(WRITER);
  await writing(folder);
  const killed = performance.now();
  worker.kill("SIGKILL");
  await stillness(folder);
  expect(performance.now() - killed).toBeLessThan(5000);
});

test("OWNER-1: the agent of a worker that is stopped ends with the worker's right to run it", async () => {
  const { folder, worker } = await run(WRITER);
  await writing(folder);
  const stopped = performance.now();
  worker.kill("SIGSTOP");
  await stillness(folder);
  expect(performance.now() - stopped).toBeLessThan(5000);
  worker.kill("SIGCONT");
  await once(worker, "close");
});

test("an agent runs for as long as its right is renewed, and what it started ends with it", async () => {
  const { folder, worker, output } = await run(
    `echo "env $SECRET"; ${WRITER.replace("write own", "sleep 4")}`,
  );
  await once(worker, "close");
  expect(output()).toBe("env \nended 0\n");
  await eventually(() => expect(processesIn(folder)).toEqual([])); // a killed one may take a moment
});

test("an agent that is asked to end, and does not, is killed", async () => {
  const { folder, worker, output } = await run(WRITER);
  await writing(folder);
  worker.stdin?.write("stop\n");
  await once(worker, "close");
  expect(output()).toBe("ended SIGKILL\n");
  await stillness(folder);
});

test("a program that is not there fails with its shell's code", async () => {
  const { worker, output } = await run("exec /no/such/program 2>/dev/null");
  await once(worker, "close");
  expect(output()).toMatch(/^ended 12[67]\n$/);
});
