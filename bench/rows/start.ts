import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ReadyInfo } from "../../src/cli/up/kept.ts";
import { mainOf } from "../built.ts";
import { eventBody } from "../event.ts";
import { median } from "../rounds.ts";
import type { Row } from "../row.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const POLL_MS = 2;
const LIMIT_MS = 30_000;

const WAYS = [
  {
    what: "`runner-relay up` to the first accepted event, warm, median of 10",
    command: [process.execPath, mainOf("cli"), "up"],
    times: 10,
    budget: { bound: 1000, stretch: 600, better: "less" },
  },
  {
    what: "`npm start`, once installed, to the first accepted event",
    command: ["npm", "start", "--"],
    times: 5,
    budget: { bound: 2500, better: "less" },
  },
] as const;

/** From the command to an event that is on disk, with a data folder and a compile cache that were used before. */
export const start: Row = {
  name: "start",
  async run({ quick, report }) {
    const folder = await mkdtemp(join(tmpdir(), "rr-bench-up-"));
    try {
      for (const { what, command, times, budget } of WAYS) {
        await startOnce(folder, command);
        const samples: number[] = [];
        for (let i = 0; i < (quick && times < 10 ? 3 : times); i++)
          samples.push(await startOnce(folder, command));
        report({
          row: "start",
          what,
          value: median(samples),
          unit: "ms",
          budget,
          detail: `${Math.round(Math.min(...samples))} to ${Math.round(Math.max(...samples))} ms`,
          samples,
        });
      }
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

/** Milliseconds from the spawn to the 2xx; then everything is stopped again. */
async function startOnce(folder: string, command: readonly string[]): Promise<number> {
  const readyFile = join(folder, "ready.json");
  const [file = "", ...args] = command;
  const { PATH, HOME } = process.env;
  const began = performance.now();
  const child = spawn(file, [...args, "--data", join(folder, "data"), "--ready-file", readyFile], {
    cwd: ROOT,
    env: { PATH, HOME, RUNNER_RELAY_LOG_LEVEL: "error" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  let over = false;
  void ended.then(() => (over = true));
  let ready: ReadyInfo | undefined;
  try {
    while (ready === undefined) {
      if (over) throw new Error(`${file} ended before it was ready`);
      if (performance.now() - began > LIMIT_MS) throw new Error(`${file} is not ready`);
      await delay(POLL_MS);
      ready = await readFile(readyFile, "utf8").then(
        (text) => JSON.parse(text) as ReadyInfo,
        () => undefined,
      );
    }
    const answer = await fetch(`${ready.gateway}/sessions/start/events`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "respond-async" },
      body: eventBody("start"),
    });
    if (!answer.ok) throw new Error(`the first event was answered with ${answer.status}`);
    return performance.now() - began;
  } finally {
    // `up` itself, not npm in front of it, which hands no signal on.
    const pid = ready?.pid ?? child.pid;
    if (!over && pid !== undefined) process.kill(pid, "SIGTERM");
    await ended;
  }
}
