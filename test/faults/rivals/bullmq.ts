import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../src/cli/up/free-port.ts";
import { runCommand } from "../../../src/embedded/command.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { startLink } from "../../support/link.ts";
import type { Stand, Subject } from "../rounds/subject.ts";
import { fetchPackages, fetchRedis } from "./fetch.ts";
import { startSupervised } from "../rounds/supervised.ts";
import { versionIn } from "./version-in.ts";

/** How Redis keeps what it has: as Debian sets it up, or as BullMQ's guide for production asks. */
export type Persistence = "default" | "aof";

const REDIS_FLAGS: Record<Persistence, string[]> = {
  default: ["--save", "3600 1 300 100 60 10000", "--appendonly", "no"],
  aof: ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"],
};
const SETTINGS: Record<Persistence, string> = {
  default: "Redis as Debian sets it up (snapshots, no append-only file)",
  aof: "Redis as BullMQ's guide for production asks (append-only file, fsync every second, noeviction)",
};
/** As in BullMQ's guide to retries, with more attempts: 10 last for 17 minutes. */
const JOBS = { attempts: 10, backoff: { type: "exponential", delay: 1000 } };

/** BullMQ: a front that adds jobs, a worker that forwards them, and Redis, with a network between each two. */
export async function startBullmq(
  { coordinatorUrl, dir }: Stand,
  persistence: Persistence,
): Promise<Subject> {
  await using scope = new AsyncDisposableStack();
  const [packages, redisProgram] = [await fetchPackages(), await fetchRedis()];
  const data = join(dir, "redis");
  mkdirSync(data);
  const [redisPort, frontPort] = [await freePort(), await freePort()];
  const redis = scope.use(
    await startSupervised({
      name: "redis-server",
      command: [
        redisProgram.path,
        "--port",
        String(redisPort),
        "--bind",
        "127.0.0.1",
        "--dir",
        data,
        ...REDIS_FLAGS[persistence],
      ],
      env: redisProgram.env,
      logFile: join(dir, "redis.log"),
      port: redisPort,
    }),
  );
  const frontLink = scope.use(await startLink("front – Redis", { host: "127.0.0.1", port: redisPort }));
  const workerLink = scope.use(await startLink("worker – Redis", { host: "127.0.0.1", port: redisPort }));
  const program = (name: string, ...args: string[]): [string, ...string[]] => [
    process.execPath,
    join(packages, "programs", name),
    ...args,
  ];
  const front = scope.use(
    await startSupervised({
      name: "front",
      command: program("bullmq-front.mjs", String(frontPort), portOf(frontLink), JSON.stringify(JOBS)),
      logFile: join(dir, "front.log"),
      port: frontPort,
    }),
  );
  const worker = scope.use(
    await startSupervised({
      name: "worker",
      command: program("bullmq-worker.mjs", portOf(workerLink), coordinatorUrl),
      logFile: join(dir, "worker.log"),
    }),
  );
  const url = `http://127.0.0.1:${frontPort}`;
  const said = await runCommand(redisProgram.path, ["--version"], {
    env: { ...bareEnv(), ...redisProgram.env },
    timeoutMs: 30_000,
  });
  const home = scope.move();
  return {
    versions: { BullMQ: versionIn(packages, "bullmq"), Redis: /v=(\S+)/.exec(said)?.[1] ?? said },
    settings: `${SETTINGS[persistence]}; one worker with its default concurrency of 1; ${JOBS.attempts} attempts, exponential from 1 s; the executor's key as id of the job and as key of the request`,
    url: () => url,
    parts: [front, worker, redis],
    links: [frontLink, workerLink],
    own: [],
    dead: async () => new Set((await (await fetch(`${url}/failed`)).json()) as string[]),
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

function portOf(link: { address: string }): string {
  return link.address.split(":")[1] ?? "";
}
