import { SHARDS, shardOf } from "../../support/eight-shards.ts";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import { describe, expect, it } from "vitest";
import { createSettlement } from "../../../src/relay/lanes/settlement.ts";
import { questionSubject, RECEIPT_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import { sessionToken } from "../../../src/shared/log/schema/session-id.ts";
import { encodeHeld } from "../../../src/shared/log/state/held.ts";
import {
  consumerName,
  EVENTS_STREAM,
  STATE_BUCKET,
  stateKey,
} from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";

async function settlementOf(nc: NatsConnection): Promise<ReturnType<typeof createSettlement>> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const kv = await new Kvm(jetstream(nc)).open(STATE_BUCKET, { bindOnly: true, allow_direct: true });
  return createSettlement({
    nc,
    jsm,
    shardCount: SHARDS,
    kv,
    whole: () => Promise.resolve(),
    settled: () => undefined,
    here: () => undefined,
  });
}

describe("what is settled, seen by a relay that does not serve the shard", () => {
  it("ORDER-1: a session's events are over when the last one is, wherever they wait", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const other = await settlementOf(await broker.connect("relay"));
    const { append } = createAppender(await broker.connect("gateway"));
    expect(await other.allOver("ses_a")).toBe(true);
    for (let i = 0; i < 250; i++) await append("ses_a");
    expect(await other.allOver("ses_a")).toBe(false);
    coordinator.faults.set([{ path: "ses_a/events$", action: { kind: "status", status: 503 } }]);
    await using relay = await startTestRelay(broker, coordinator.url);
    await append("ses_b");
    expect(await other.allOver("ses_a")).toBe(false);
    coordinator.faults.clear();
    await expect.poll(() => other.allOver("ses_a")).toBe(true);
    expect(coordinator.writes("ses_a").filter(({ status }) => status === 201)).toHaveLength(250);
    expect(relay.fatal).toEqual([]);
  });

  it("ORDER-1: a held session's pointer behind its last event holds nothing; one before it does", async () => {
    await using broker = await provisioned(await startTestBroker());
    const nc = await broker.connect("relay");
    const settlement = await settlementOf(nc);
    const kv = await new Kvm(jetstream(nc)).open(STATE_BUCKET, { bindOnly: true, allow_direct: true });
    const { append } = createAppender(await broker.connect("gateway"));
    await append("ses_other");
    const point = (from: number): Promise<number> =>
      kv.put(
        stateKey.held(sessionToken("ses_a")),
        encodeHeld({ v: 1, session: "ses_a", from, reason: "backlog", text: "", since: 0 }),
      );
    await point(2);
    expect(await settlement.allOver("ses_a")).toBe(true);
    await append("ses_other"); // number 2
    expect(await settlement.allOver("ses_a")).toBe(true);
    await append("ses_a");
    expect(await settlement.allOver("ses_a")).toBe(false);
  });

  it("SETTLE-1: what a relay delivered right before it died is delivered, though it had no time to write that down", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using died = await startTestRelay(broker, coordinator.url, { relay: "a" });
    const gateway = await broker.connect("gateway");
    const { append } = createAppender(gateway);
    const jsm = await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
    const { id, seq } = await append("ses_a");
    const acked = async (): Promise<number> =>
      (await jsm.consumers.info(EVENTS_STREAM, consumerName(shardOf("ses_a")))).ack_floor.stream_seq;
    await expect.poll(acked, { interval: 1 }).toBe(seq);
    await died.nc.close();
    await using relay = await startTestRelay(broker, coordinator.url, { relay: "b" });
    const asked = await gateway.request(
      questionSubject(RECEIPT_SUBJECT, "gw1"),
      JSON.stringify({ id, seq }),
      { timeout: 20_000 },
    );
    expect(asked.json()).toEqual({ state: "delivered", seq });
    expect(relay.fatal).toEqual([]);
  });
});
