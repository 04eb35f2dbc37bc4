import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { findShardCount } from "../../../src/gateway/find-shards.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { shardOf } from "../../../src/shared/log/schema/partition.ts";
import { eventSubject } from "../../../src/shared/log/schema/subjects.ts";
import { EVENTS_STREAM, STATE_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { readBacklog } from "../../../src/shared/messages/status/backlog.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { startTestRelay, watchStates } from "../../support/relay.ts";
import { call, startTestGateway } from "../gateway/harness.ts";

const LOG = { logBytes: 64 * 1024 * 1024 };

describe("a log with another number of shards (ADR 0060)", () => {
  it("keeps its number: provisioning again goes on with it, and refuses another one", async () => {
    await using broker = await startTestBroker();
    const nc = await broker.connect("admin");
    await provision(nc, { ...LOG, shards: 12 });
    const again = await provision(nc, LOG);
    expect(again.changes).toEqual([]);
    const jsm = await jetstreamManager(nc);
    expect((await jsm.streams.info(EVENTS_STREAM)).state.consumer_count).toBe(12);
    for (const shards of [8, 64])
      await expect(provision(nc, { ...LOG, shards })).rejects.toMatchObject({ code: "shards_fixed" });
    expect((await provision(nc, { ...LOG, shards: 12 })).changes).toEqual([]);
    // docs/scaling.md: drained, and made anew
    for (const stream of [EVENTS_STREAM, STATE_STREAM]) await jsm.streams.delete(stream);
    await provision(nc, { ...LOG, shards: 64 });
    expect((await jsm.streams.info(EVENTS_STREAM)).state.consumer_count).toBe(64);
  });

  it.each([1, 7, 8, 64])(
    "a gateway finds out that there are %i, without a right to read anything",
    async (shards) => {
      await using broker = await startTestBroker();
      const admin = await broker.connect("admin");
      const gateway = await broker.connect("gateway");
      expect(await findShardCount(gateway, "r1")).toBe(8); // no log yet
      await provision(admin, { ...LOG, shards });
      expect(await findShardCount(gateway, "r1")).toBe(shards);
      const { state } = await (await jetstreamManager(admin)).streams.info(EVENTS_STREAM);
      expect(state.messages).toBe(0);
    },
  );

  it("ORDER-1: a process that takes it for one of the usual number can store nothing in it", async () => {
    await using broker = await startTestBroker();
    await provision(await broker.connect("admin"), { ...LOG, shards: 64 });
    const gateway = await broker.connect("gateway");
    for (const count of [8, 12, 63])
      await expect(
        gateway.request(eventSubject("r1", "s1", "event", count), "x", { timeout: 1000 }),
      ).rejects.toThrow();
    await gateway.request(eventSubject("r1", "s1", "event", 64), "x", { timeout: 1000 });
  });

  it("events of all its shards are delivered in order, through a takeover, and counted by the broker", async () => {
    await using broker = await startTestBroker();
    await provision(await broker.connect("admin"), { ...LOG, shards: 64 });
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const states = watchStates(await broker.connect("operator"));
    await using gateway = await startTestGateway(broker);
    await using one = await startTestRelay(broker, coordinator.url, { relay: "a" });
    const sessions = Array.from({ length: 200 }, (_, i) => `ses_${i}`);
    const used = new Set(sessions.map((session) => shardOf(session, 64)));
    expect(used.size).toBeGreaterThan(55);
    let n = 0;
    const round = async (): Promise<void> => {
      n++;
      await Promise.all(
        sessions.map(async (session) => {
          const body = {
            session_id: session,
            event_type: "message",
            timestamp: "2026-01-01T00:00:00Z",
            marker: `${session}:${n}`,
          };
          const { status } = await call(gateway.url(), "POST", "/events", body, { prefer: "respond-async" });
          expect(status).toBe(202);
        }),
      );
    };
    await round();
    await using two = await startTestRelay(broker, coordinator.url, { relay: "b" });
    const owned = (relay: string): number => states.get(relay)?.shards.length ?? 0;
    await expect
      .poll(
        async () => {
          await round();
          return owned("a") > 20 && owned("b") > 20 && owned("a") + owned("b") === used.size;
        },
        { timeout: 30_000 },
      )
      .toBe(true);
    await one.close();
    await round();
    await expect
      .poll(() => coordinator.writes().length, { timeout: 30_000 })
      .toBeGreaterThanOrEqual(n * sessions.length);
    for (const session of sessions) {
      const seen = coordinator.writes(session).map(({ marker }) => marker);
      expect([...new Set(seen)]).toEqual(Array.from({ length: n }, (_, i) => `${session}:${i + 1}`));
    }
    const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
    await expect.poll(async () => (await readBacklog(jsm)).events).toBe(0);
    expect((await readBacklog(jsm)).shards).toHaveLength(64);
    expect([...one.fatal, ...two.fatal]).toEqual([]);
  }, 90_000);
});
