import type { NatsConnection } from "@nats-io/nats-core";
import { shardOf } from "../../support/eight-shards.ts";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { startCluster, type Cluster } from "../../support/cluster.ts";
import { relieve } from "../../support/cluster-leaders.ts";
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

async function reconnected(nc: NatsConnection): Promise<void> {
  for await (const { type } of nc.status()) if (type === "reconnect") return;
}

test("one of three servers hangs: its clients leave it, another relay starts and takes over beside it", async () => {
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const hung = 2;
  await relieve(await cluster.connect("admin"), hung);
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
