import type { NatsConnection } from "@nats-io/nats-core";
import { setTimeout as delay } from "node:timers/promises";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import type { BrokerAccess } from "../../../src/shared/log/broker.ts";
import type { BrokerRole } from "../../../src/shared/messages/permissions.ts";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
import { SESSIONS_STREAM } from "../../../src/shared/session-log/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCluster } from "../../support/cluster.ts";
import type { Random } from "../random.ts";

/** The broker of a play: one server, or three that replicate. */
export type BrokerHome = {
  access(role: BrokerRole): BrokerAccess;
  connect(role: BrokerRole): Promise<NatsConnection>;
  /** kill -9 of one server, and a start `downMs` later. Resolves when it is ready again. */
  kill(downMs: number): Promise<void>;
  /** Stops one server for a while. */
  freeze(ms: number): Promise<void>;
  /** Another server becomes the leader of the log. */
  moveLeader(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const LOG_BYTES = 64 * 1024 ** 2;

export async function startBrokerHome(replicas: 1 | 3, random: Random): Promise<BrokerHome> {
  const home = replicas === 1 ? await startOne() : await startThree(random);
  const admin = await home.connect("admin");
  await provision(admin, { logBytes: LOG_BYTES, replicas });
  const sessions = await provisionSessions(admin, { replicas, isNew: true });
  if (sessions.kind !== "there") throw new Error(sessions.why);
  return {
    ...home,
    async moveLeader() {
      await admin.request(`$JS.API.STREAM.LEADER.STEPDOWN.${SESSIONS_STREAM}`, "", { timeout: 5000 });
    },
  };
}

async function startOne(): Promise<Omit<BrokerHome, "moveLeader">> {
  const broker = await startTestBroker();
  return {
    access: (role) => broker.access(role),
    connect: (role) => broker.connect(role),
    async kill(downMs) {
      await broker.kill9();
      await delay(downMs);
      await broker.restart();
    },
    freeze: (ms) => freeze(broker.pid(), ms),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

async function startThree(random: Random): Promise<Omit<BrokerHome, "moveLeader">> {
  const cluster = await startCluster();
  const one = (): number => Math.floor(random.next() * cluster.pids().length);
  return {
    access: cluster.access,
    connect: cluster.connect,
    kill: (downMs) => cluster.kill(one(), downMs),
    async freeze(ms) {
      const pid = cluster.pids()[one()];
      if (pid !== undefined) await freeze(pid, ms);
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

async function freeze(pid: number, ms: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await delay(ms);
  process.kill(pid, "SIGCONT");
}
