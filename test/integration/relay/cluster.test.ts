import { shardOf } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { consumerName, EVENTS_STREAM, STATE_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { startCluster, type Cluster } from "../../support/cluster.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { eventually } from "../../support/eventually.ts";
import { createAppender, startTestRelay } from "../../support/relay.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
  const admin = await cluster.connect("admin");
  await eventually(() => provision(admin, { replicas: 3, logBytes: 64 * 1024 * 1024 }));
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

/** The server that leads none of what a relay needs, so that nothing has to be elected. Leaders are moved away from it. */
async function withoutLeaders(nc: NatsConnection): Promise<number> {
  const streams = [EVENTS_STREAM, STATE_STREAM, "RR_DEAD"];
  const jsm = await jetstreamManager(nc, { timeout: 5000 });
  const shards = Array.from({ length: 8 }, (_, shard) => consumerName(shard));
  const stepDown = async (): Promise<void> => {
    for (const stream of streams) {
      const { cluster: raft } = await jsm.streams.info(stream);
      if (raft?.leader === "n2") await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`);
    }
    for (const name of shards) {
      const { cluster: raft } = await jsm.consumers.info(EVENTS_STREAM, name);
      if (raft?.leader === "n2")
        await nc.request(`$JS.API.CONSUMER.LEADER.STEPDOWN.${EVENTS_STREAM}.${name}`);
    }
  };
  const leaders = async (): Promise<(string | undefined)[]> => [
    ...(await Promise.all(streams.map(async (name) => (await jsm.streams.info(name)).cluster?.leader))),
    ...(await Promise.all(
      shards.map(async (name) => (await jsm.consumers.info(EVENTS_STREAM, name)).cluster?.leader),
    )),
  ];
  await expect
    .poll(
      async () => {
        await stepDown();
        const now = await leaders();
        return now.every((it) => it === "n0" || it === "n1");
      },
      { timeout: 30_000, interval: 500 },
    )
    .toBe(true);
  return 2;
}

async function reconnected(nc: NatsConnection): Promise<void> {
  for await (const { type } of nc.status()) if (type === "reconnect") return;
}

test("one of three servers hangs: its clients leave it, another relay starts and takes over beside it", async () => {
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const hung = await withoutLeaders(await cluster.connect("admin"));
  const { append } = createAppender(await cluster.connect("gateway"));
  // its pings come first, so that it leaves first if the other one is not watched either
  const unwatched = await cluster.connectUnwatched(hung);
  const there = await cluster.connectFreely(hung);
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  const first = await startTestRelay(cluster, coordinator.url, { retarget: true, onLine });
  onTestFailed(() => console.log(lines.join("")));
  const sessions = Array.from({ length: 40 }, (_, i) => `ses_${i}`);
  const round = async (): Promise<void> => {
    for (const session of sessions) await append(session).catch(() => append(session));
  };
  await round();
  await expect.poll(() => coordinator.summary().keys).toBeGreaterThanOrEqual(40);
  const pid = cluster.pids()[hung] ?? 0;
  const left = [there, unwatched].map(reconnected);
  process.kill(pid, "SIGSTOP");
  try {
    const leaves = await Promise.race(left.map((it, i) => it.then(() => i)));
    expect(leaves, "one that is watched leaves before the client itself notices").toBe(0);
    await first.close();
    await using second = await startTestRelay(cluster, coordinator.url, { relay: "b", retarget: true });
    const before = coordinator.writes().length;
    await round();
    await expect.poll(() => coordinator.writes().length - before).toBeGreaterThanOrEqual(40);
    expect(new Set(sessions.map(shardOf)).size).toBe(8);
    expect(second.fatal).toEqual([]);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
  } finally {
    process.kill(pid, "SIGCONT");
  }
}, 120_000);
