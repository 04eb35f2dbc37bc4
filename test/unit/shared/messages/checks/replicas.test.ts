import type { ConsumerConfig, StreamConfig, StreamInfo, StreamState } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { consumerPlan, eventsPlan } from "../../../../../src/shared/log/provision/streams.ts";
import { replicasOf, replicasText } from "../../../../../src/shared/messages/checks/replicas.ts";
import { judgeStreams } from "../../../../../src/shared/messages/checks/streams.ts";
import { read } from "./readings.ts";

const config = eventsPlan({
  bytes: 1024 * 1024,
  replicas: 3,
  duplicateWindowMs: 120_000,
  shardCount: 8,
}) as StreamConfig;
type Raft = NonNullable<StreamInfo["cluster"]>;
type Peer = NonNullable<Raft["replicas"]>[number];

function lines(cluster: Raft) {
  const info = read({ config, state: { bytes: 0 } as StreamState, cluster });
  return judgeStreams({ streams: [{ name: "RR_EVENTS", info }], consumers: [], sync: { kind: "always" } });
}

const peer = (name: string, change: object = {}): Peer =>
  ({ name, current: true, active: 0, ...change }) as Peer;

describe("servers that replicate", () => {
  test.each<[Raft, string, string]>([
    [{ leader: "n0", replicas: [peer("n1"), peer("n2")] }, "ok", "leader n0, n1 in step, n2 in step"],
    [
      { leader: "n0", replicas: [peer("n1"), peer("n2", { current: false, active: 1e8, lag: 128 })] },
      "warn",
      "2 of 3 in step, and 2 are needed: leader n0, n1 in step, n2 behind (128 operations to catch up)",
    ],
    [
      { leader: "n0", replicas: [peer("n1"), peer("n2", { offline: true })] },
      "warn",
      "2 of 3 in step, and 2 are needed: leader n0, n1 in step, n2 offline",
    ],
    [
      { leader: "n0", replicas: [peer("n1"), peer("n2", { current: false, lag: 2 })] },
      "warn",
      "leader n0, n1 in step, n2 silent (2 operations to catch up)",
    ],
    [{ leader: "n0", replicas: [peer("n1"), peer("n2", { active: 6e9 })] }, "warn", "n1 in step, n2 silent"],
    [
      { replicas: [peer("n1"), peer("n2")] },
      "fail",
      "nothing can be stored: no leader, n1 in step, n2 in step",
    ],
  ])("%#", (cluster, level, text) => {
    const [line] = lines(cluster);
    expect(line?.level).toBe(level);
    expect(line?.text).toContain(text);
  });

  test("a log on one server has none", () => {
    expect(replicasOf({ config: { ...config, num_replicas: 1 }, cluster: { leader: "n0" } })).toBeUndefined();
    expect(replicasText({ others: [] })).toBe("no leader");
  });

  test("DURABLE-1: consumers that do not answer are not to be deleted", () => {
    const info = read({ config, state: { bytes: 0 } as StreamState });
    const [, , line] = judgeStreams({
      streams: [
        { name: "RR_EVENTS", info },
        { name: "RR_DEAD", info: { kind: "failed", why: "no answer within 3 s" } },
      ],
      consumers: [
        { shard: 0, config: { kind: "failed", why: "no answer within 3 s" } },
        { shard: 1, config: read({ ...consumerPlan(1, 8), max_deliver: 3 } as ConsumerConfig) },
      ],
      sync: { kind: "always" },
    });
    expect(line?.check).toBe("consumers");
    expect(line?.todo).toContain("Delete nothing");
    expect(line?.todo).not.toContain("delete it");
  });
});
