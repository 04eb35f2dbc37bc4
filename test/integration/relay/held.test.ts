import { SHARDS } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { readHeld, type HeldRecord } from "../../../src/shared/log/state/held.ts";
import { consumerName, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay, type TestRelay } from "../../support/relay.ts";

async function heldSessions(relay: TestRelay): Promise<string[]> {
  const status = JSON.parse((await relay.get("/status")).text) as { held: { record: { session: string } }[] };
  return status.held.map(({ record }) => record.session);
}

describe("sessions that wait for long are left to the log", () => {
  it("ORDER-1, ISOLATE-1: a hot session is held, others continue, and it joins again without loss, repeat or inversion", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    coordinator.faults.set([{ session: "hot", action: { kind: "status", status: 503 } }]);
    await using relay = await startTestRelay(broker, coordinator.url, { holdAbove: 200 });
    const { append } = createAppender(await broker.connect("gateway"));
    await append("cool");
    for (let i = 0; i < 600; i++) await append("hot");
    for (let i = 0; i < 20; i++) await append("cool");
    await expect.poll(() => coordinator.writes("cool").length).toBe(21);
    await expect.poll(() => heldSessions(relay)).toEqual(["hot"]);
    coordinator.faults.clear();
    await expect.poll(() => coordinator.writes("hot").filter((e) => e.status === 201).length).toBe(600);
    for (let i = 0; i < 50; i++) await append("hot");
    await expect.poll(() => coordinator.writes("hot").filter((e) => e.status === 201).length).toBe(650);
    await expect.poll(() => heldSessions(relay)).toEqual([]);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
    const delivered = coordinator.writes("hot").filter((e) => e.status === 201);
    expect(new Set(delivered.map((e) => e.key)).size).toBe(650);
    expect(relay.fatal).toEqual([]);
  });

  it("SETTLE-1: a held session survives its relay, and the next relay continues where it was", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    coordinator.faults.set([{ session: "hot", action: { kind: "status", status: 503 } }]);
    const first = await startTestRelay(broker, coordinator.url, { holdAbove: 100, relay: "a" });
    const { append } = createAppender(await broker.connect("gateway"));
    await append("cool");
    for (let i = 0; i < 400; i++) await append("hot");
    await expect.poll(() => heldSessions(first)).toEqual(["hot"]);
    await first.close();
    coordinator.faults.clear();
    await using second = await startTestRelay(broker, coordinator.url, { holdAbove: 100, relay: "b" });
    await expect.poll(() => coordinator.writes("hot").filter((e) => e.status === 201).length).toBe(400);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
    expect(second.fatal).toEqual([]);
  });

  it("SETTLE-1: a held session is released though its shard's consumer was made anew and nothing else comes", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    coordinator.faults.set([{ session: "hot", action: { kind: "status", status: 503 } }]);
    const first = await startTestRelay(broker, coordinator.url, { holdAbove: 100, relay: "a" });
    const { append } = createAppender(await broker.connect("gateway"));
    await append("cool");
    for (let i = 0; i < 400; i++) await append("hot");
    await expect.poll(() => heldSessions(first)).toEqual(["hot"]);
    await first.close();
    coordinator.faults.clear();
    const jsm = await jetstreamManager(await broker.connect("admin"));
    for (let shard = 0; shard < SHARDS; shard++)
      await jsm.consumers.delete(EVENTS_STREAM, consumerName(shard));
    await provisioned(broker);
    await using second = await startTestRelay(broker, coordinator.url, { holdAbove: 100, relay: "b" });
    await expect.poll(() => coordinator.writes("hot").filter((e) => e.status === 201).length).toBe(400);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
    expect(second.fatal).toEqual([]);
  });

  it("poison policy park: the session waits with its event in front until it is released", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    coordinator.faults.set([
      { body: "poison", action: { kind: "status", status: 422, body: { detail: "no" } } },
    ]);
    await using relay = await startTestRelay(broker, coordinator.url, { poisonPolicy: "park" });
    const { append } = createAppender(await broker.connect("gateway"));
    for (let i = 0; i < 20; i++) await append("ses_a", i === 5 ? { marker: "poison" } : {});
    for (let i = 0; i < 5; i++) await append("ses_b");
    await expect.poll(() => coordinator.writes("ses_b").length).toBe(5);
    await expect.poll(() => heldSessions(relay)).toEqual(["ses_a"]);
    expect(coordinator.writes("ses_a").filter((e) => e.status === 201).length).toBe(5);
    const operator = await broker.connect("operator");
    const jsm = await jetstreamManager(operator, { checkAPI: false });
    const record = async (): Promise<HeldRecord | undefined> => [...(await readHeld(jsm)).values()][0];
    const first = await record();
    expect(first).toMatchObject({ reason: "parked", refusal: { status: 422, attempts: 1 } });
    const control = await openControl(operator, systemClock);
    await control.resumeSession("ses_a");
    // its cause is not repaired: the same event stands in front since the same moment
    await expect
      .poll(record)
      .toMatchObject({ reason: "parked", since: first?.since, refusal: { attempts: 2, status: 422 } });
    coordinator.faults.clear();
    await control.resumeSession("ses_a");
    await expect.poll(() => coordinator.writes("ses_a").filter((e) => e.status === 201).length).toBe(20);
    expect(coordinator.summary().inverted).toBe(0);
    expect(relay.fatal).toEqual([]);
  });
});
