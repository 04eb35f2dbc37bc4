import { shardOf } from "../../support/eight-shards.ts";
import { describe, expect, it } from "vitest";
import { consumerName, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";

const SESSIONS = Array.from({ length: 24 }, (_, i) => `ses_${i}`);

/** Appends rounds of events over all sessions, calling `between` before each round. */
async function appendRounds(
  broker: TestBroker,
  rounds: number,
  between: (round: number) => Promise<void> | void,
): Promise<string[]> {
  const { append } = createAppender(await broker.connect("gateway"));
  const ids: string[] = [];
  for (let round = 0; round < rounds; round++) {
    await between(round);
    for (const session of SESSIONS) {
      const { id } = await append(session).catch(() => append(session)); // the broker may just be away
      ids.push(id);
    }
  }
  return ids;
}

async function allDelivered(coordinator: TestCoordinator, ids: string[]): Promise<void> {
  const missing = (): number => {
    const seen = new Set(coordinator.writes().map((entry) => entry.key));
    return ids.filter((id) => !seen.has(id)).length;
  };
  await expect.poll(missing).toBe(0);
}

describe("ORDER-1, ONCE-1 through failover", () => {
  it("the broker killed alone: nothing is lost, reordered, or sent twice that was settled", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url);
    let settledBefore = 0;
    const ids = await appendRounds(broker, 12, async (round) => {
      if (round % 4 !== 3) return;
      await expect.poll(() => coordinator.summary().keys).toBe(round * SESSIONS.length);
      settledBefore = coordinator.summary().repeats;
      await broker.kill9();
      await broker.restart();
    });
    await allDelivered(coordinator, ids);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
    expect(settledBefore).toBe(0);
    expect(coordinator.summary().repeats).toBe(0);
    expect(relay.fatal).toEqual([]);
  });

  it("two relays share the shards, and one takes over from the other without a hole", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const first = await startTestRelay(broker, coordinator.url, { relay: "a" });
    await using second = await startTestRelay(broker, coordinator.url, { relay: "b" });
    const active = async (relay: typeof first): Promise<number> => {
      const { text } = await relay.get("/status");
      return (JSON.parse(text) as { shards: { phase: string }[] }).shards.filter((s) => s.phase === "active")
        .length;
    };
    const ids = await appendRounds(broker, 30, async (round) => {
      // an idle shard is nobody's until its next event, so ownership shows a round after the hand-over
      if (round === 10) await expect.poll(() => active(first)).toBeLessThanOrEqual(4);
      if (round === 11) {
        await expect.poll(() => active(first)).toBe(4);
        await expect.poll(() => active(second)).toBe(4);
      }
      if (round === 20) await first.close();
    });
    await allDelivered(coordinator, ids);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
    await expect.poll(() => active(second)).toBe(8);
    expect(second.fatal).toEqual([]);
  });

  it("a stuck session: what others settled behind it is not sent again by the next relay", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    coordinator.faults.set([{ session: "ses_stuck", action: { kind: "status", status: 500 } }]);
    const first = await startTestRelay(broker, coordinator.url, { relay: "a" });
    const { append } = createAppender(await broker.connect("gateway"));
    await append("ses_stuck");
    const ids = await appendRounds(broker, 20, () => {});
    await allDelivered(coordinator, ids);
    await first.close();
    const before = coordinator.writes().length;
    coordinator.faults.clear();
    await using second = await startTestRelay(broker, coordinator.url, { relay: "b" });
    await expect.poll(() => coordinator.writes("ses_stuck").at(-1)?.status).toBe(201);
    await append("ses_0");
    await expect.poll(() => coordinator.writes("ses_0").length).toBe(21);
    const repeated = coordinator
      .writes()
      .slice(before)
      .filter((e) => e.session !== "ses_stuck" && e.repeat !== undefined);
    expect(repeated).toEqual([]);
    expect(second.fatal).toEqual([]);
  });

  it("a consumer that was deleted, or a log that was made anew, ends the relay with a code", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url);
    const { append } = createAppender(await broker.connect("gateway"));
    await append("ses_a");
    await expect.poll(() => coordinator.writes().length).toBe(1);
    const admin = await broker.connect("admin");
    await admin.request("$JS.API.STREAM.DELETE.RR_EVENTS");
    await expect.poll(() => relay.fatal[0]).toMatchObject({ code: "stream_missing" });
  });

  it("a stop waits two seconds for an answer that does not come, and hands over in the third", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    coordinator.faults.set([{ path: "/events$", action: { kind: "hang" } }]);
    const relay = await startTestRelay(broker, coordinator.url);
    const { append } = createAppender(await broker.connect("gateway"));
    await append("ses_a");
    await expect.poll(() => coordinator.writes().length).toBe(1);
    const admin = await broker.connect("admin");
    const consumer = `${EVENTS_STREAM}.${consumerName(shardOf("ses_a"))}`;
    const pinned = async (): Promise<string | undefined> => {
      const info = await admin.request(`$JS.API.CONSUMER.INFO.${consumer}`);
      const { priority_groups: groups } = info.json<{ priority_groups?: { pinned_client_id?: string }[] }>();
      return groups?.[0]?.pinned_client_id;
    };
    expect(await pinned()).toBeTruthy();
    const began = performance.now();
    await relay.close();
    expect(performance.now() - began).toBeLessThan(2900); // `up` gives it three
    expect(await pinned()).toBeFalsy();
  });

  it("a client that gave up, as after a login that was refused twice, ends the relay with a code; a stop does not", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator();
    const stopped = await startTestRelay(broker, coordinator.url, { relay: "b" });
    await stopped.close();
    await using relay = await startTestRelay(broker, coordinator.url); // its process would end
    await relay.nc.close();
    await expect.poll(() => relay.fatal[0]).toMatchObject({ code: "broker_refused" });
    expect(stopped.fatal).toEqual([]);
  });
});
