import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../../src/cli/up/free-port.ts";
import type { BrokerAccess } from "../../../src/shared/log/broker.ts";
import { sessionsBroker } from "../../integration/session-log/harness.ts";
import { startCountingAgent } from "../../support/counting-agent.ts";
import type { TestBroker } from "../../support/broker.ts";
import { startNginx, type Nginx } from "../../support/nginx.ts";
import { startService, type Service } from "../service.ts";

const KEY = "key-of-the-replicas";

/** Several `serve` behind nginx, workers, and their agent: all but the agent are processes. */
export type ReplicasHome = {
  url: string;
  key: string;
  servers: readonly Service[];
  workers: readonly Service[];
  agent: { asked: readonly string[] };
  broker: TestBroker;
  nginx: Nginx;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startReplicas(
  binary: string,
  options: { servers: number; workers: number; events: number; everyMs: number },
): Promise<ReplicasHome> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "rr-replicas-"));
  scope.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const broker = scope.use(await sessionsBroker());
  const agent = scope.use(await startCountingAgent(options));
  const start = async (name: string, main: string, env: Record<string, string>): Promise<Service> =>
    scope.use(
      await startService({ name, main, env, logFile: join(dir, `${name}.log`), journal: () => undefined }),
    );
  const workspaces = join(dir, "workspaces");
  const many = (count: number, one: (i: number) => Promise<Service>): Promise<Service[]> =>
    Promise.all(Array.from({ length: count }, (_, i) => one(i)));
  const [workers, servers] = await Promise.all([
    many(options.workers, (i) =>
      start(`worker-${i}`, "worker/main.ts", {
        ...loginEnv(broker.access("worker")),
        RUNNER_RELAY_DATA: join(dir, "data"),
        RUNNER_RELAY_WORKSPACE_ROOT: workspaces,
        RUNNER_RELAY_AGENT: "http",
        RUNNER_RELAY_AGENT_HTTP_URL: agent.url,
      }),
    ),
    many(options.servers, async (i) =>
      start(`serve-${i}`, "sessions/main.ts", {
        ...loginEnv(broker.access("serve")),
        RUNNER_RELAY_WORKSPACE_ROOT: workspaces,
        RUNNER_RELAY_SESSIONS_PORT: String(await freePort()),
        RUNNER_RELAY_SESSIONS_API_KEY: KEY,
      }),
    ),
  ]);
  const urls = servers.map((it) => it.url());
  const nginx = scope.use(await startNginx(binary, urls));
  const home = scope.move();
  return {
    url: nginx.url,
    key: KEY,
    servers,
    workers,
    agent,
    broker,
    nginx,
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

function loginEnv({ servers, user = "", password = "" }: BrokerAccess): Record<string, string> {
  return { NATS_URL: servers.join(","), NATS_USER: user, NATS_PASSWORD: password };
}

/** SIGTERM, and the next run as soon as it ended. */
export async function restart(service: Service): Promise<void> {
  const { pid } = service;
  const before = pid();
  service.signal("SIGTERM");
  while (pid() === before) await delay(10);
  await service.ready();
}
