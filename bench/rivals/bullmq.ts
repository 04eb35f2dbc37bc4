import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../src/cli/up/free-port.ts";
import { startProgram } from "./program.ts";
import type { Rival, RivalStart } from "./rival.ts";

/** Redis as durable as we are: every write is synced before it is answered. */
const REDIS = [
  "--save",
  "",
  "--appendonly",
  "yes",
  "--appendfsync",
  "always",
  "--maxmemory-policy",
  "noeviction",
];

/** BullMQ on Redis: a front that adds jobs, and a worker with as many at once as our relay has connections. One queue: it keeps no order. */
export async function startBullmq(
  programs: { redis: { path: string; env: Record<string, string> }; front: string; worker: string },
  { coordinatorUrl, held }: RivalStart,
): Promise<Rival> {
  await using scope = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "rr-bench-redis-"));
  scope.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const [port, own] = [await freePort(), await freePort()];
  const { path, env } = programs.redis;
  const redis = scope.use(
    await startProgram([path, "--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...REDIS], {
      port,
      env,
    }),
  );
  const node = (...args: string[]): [string, ...string[]] => [process.execPath, ...args];
  const front = scope.use(await startProgram(node(programs.front, String(own), String(port)), { port: own }));
  const home = scope.move();
  const pids: Record<string, number> = { redis: redis.pid, front: front.pid };
  const release = async (): Promise<void> => {
    const worker = home.use(await startProgram(node(programs.worker, String(port), coordinatorUrl)));
    pids["worker"] = worker.pid;
  };
  try {
    if (!held) await release();
  } catch (error) {
    await home.disposeAsync();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${own}`,
    accept: "/sessions/{session}/events/send",
    whole: "/sessions/{session}/events",
    pids,
    release,
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}
