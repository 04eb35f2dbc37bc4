import { shardOf } from "../../support/eight-shards.ts";
import { describe, expect, it } from "vitest";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { servedShards } from "../../../src/shared/messages/relay-state.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay, watchStates } from "../../support/relay.ts";
import { call, startTestGateway, type TestGateway } from "../gateway/harness.ts";

const LIMIT = 60;
const SESSION = "ses_runaway";

/** Sends one event after the other and counts those that were taken. */
async function taken(gateway: TestGateway, count: number): Promise<number> {
  let accepted = 0;
  for (let i = 0; i < count; i++) {
    const body = { session_id: SESSION, event_type: "message" };
    const { status } = await call(gateway.url(), "POST", "/events", body, { prefer: "respond-async" });
    expect([202, 429]).toContain(status);
    if (status === 202) accepted++;
  }
  return accepted;
}

describe("two relays", () => {
  it("the limit on a runaway session holds with a stand-by, and through every takeover", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const states = watchStates(await broker.connect("operator"));
    const [a, b] = await Promise.all(
      ["a", "b"].map((relay) => startTestRelay(broker, coordinator.url, { relay })),
    );
    if (a === undefined || b === undefined) throw new Error("no relays");
    await coordinator.stop();
    await using gateway = await startTestGateway(broker, { sessionMaxEvents: LIMIT });
    /** Cut off by us. What such a relay said last may still be on its way when its connection is closed. */
    const silent = new Set<string>();
    /** The relays that claim the session's shard. */
    const owners = (): string[] =>
      [...states.values()]
        .filter(
          (it) =>
            !silent.has(it.relay) &&
            !it.stopping &&
            it.shards.some(({ shard, behind }) => shard === shardOf(SESSION) && !behind),
        )
        .map(({ relay }) => relay);
    const reported = (owner: string): number | undefined =>
      states.get(owner)?.backlog.find(({ session }) => session === SESSION)?.events;
    /** One relay has the shard, and told how much waits. */
    const settled = (owner?: string): Promise<void> =>
      expect
        .poll(() => {
          const [first, ...others] = owners();
          const known = first !== undefined && others.length === 0 && (reported(first) ?? 0) >= LIMIT;
          return known && (owner === undefined || owner === first);
        })
        .toBe(true);

    // a few may be on their way to the relay when it tells what waits
    const first = await taken(gateway, 140);
    expect(first).toBeGreaterThanOrEqual(LIMIT);
    expect(first).toBeLessThan(LIMIT + 10);
    await settled();
    expect(await taken(gateway, 20)).toBe(0);

    // the owner stops, the stand-by takes over
    const owner = owners()[0] === "a" ? a : b;
    const other = owner === a ? b : a;
    const name = owner === a ? "b" : "a";
    const closing = owner.close();
    expect(await taken(gateway, 20)).toBe(0);
    await closing;
    await settled(name);
    expect(await taken(gateway, 20)).toBe(0);

    // the broker restarts under it: its lanes are empty for a moment
    await broker.restart();
    await settled(name);
    expect(await taken(gateway, 20)).toBe(0);

    // it is paused, so that nothing of the session waits in a lane, and a new stand-by takes over from one that is cut off
    const control = await openControl(await broker.connect("operator"), systemClock);
    await control.pauseSession(SESSION, "");
    await using third = await startTestRelay(broker, coordinator.url, { relay: "c" });
    await expect.poll(() => states.get("c")?.standby?.length).toBeGreaterThan(0);
    await other.nc.close();
    silent.add(name);
    expect(await taken(gateway, 20)).toBe(0); // nobody says anything of it
    // what is held is nobody's until something comes for its shard; "c" may hand it over once more, while it still takes the one that was cut off for alive
    const { append } = createAppender(await broker.connect("gateway"));
    await expect
      .poll(async () => {
        await append(SESSION);
        return owners();
      })
      .toEqual(["c"]);
    await settled("c");
    expect(await taken(gateway, 20)).toBe(0);
    expect(third.fatal).toEqual([]);
  }, 90_000);

  it("a shard without events has no owner, and its first event finds a relay; another relay's shards are not claimed", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const states = watchStates(await broker.connect("operator"));
    await using one = await startTestRelay(broker, coordinator.url, { relay: "a" });
    await expect.poll(() => states.get("a")?.standby).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await using gateway = await startTestGateway(broker);
    const relayOf = async (): Promise<unknown> =>
      (await call(gateway.url(), "GET", "/_relay/ready")).json["dependencies"];
    await expect.poll(relayOf).toMatchObject({ relay: { state: "up" } });
    const body = { session_id: SESSION, event_type: "message", timestamp: "2026-01-01T00:00:00Z" };
    expect(await call(gateway.url(), "POST", "/events", body)).toMatchObject({ status: 201 });
    const shard = shardOf(SESSION);
    await expect.poll(() => states.get("a")?.shards).toEqual([{ shard, behind: false }]);
    await using two = await startTestRelay(broker, coordinator.url, { relay: "b" });
    const { append } = createAppender(await broker.connect("gateway"));
    const all = (): number[] => [...states.values()].flatMap((it) => it.shards.map((claim) => claim.shard));
    // a shard that was handed over is nobody's until its next event
    const claimed = async (): Promise<number[]> => {
      await append("ses_other");
      await append(SESSION);
      return all().toSorted((a, b) => a - b);
    };
    const both = [shard, shardOf("ses_other")].toSorted((a, b) => a - b);
    await expect.poll(claimed).toEqual(both);
    expect(servedShards([...states.values()]).size).toBe(8);
    expect([...one.fatal, ...two.fatal]).toEqual([]);
  });
});
