import { shardOf } from "../../support/eight-shards.ts";
import type { NatsConnection } from "@nats-io/nats-core";
import { describe, expect, it } from "vitest";
import { decodeState, type RelayState } from "../../../src/shared/messages/relay-state.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { provisioned, startTestRelay, watchStates } from "../../support/relay.ts";
import { call, startTestGateway, type TestGateway } from "../gateway/harness.ts";

const LIMIT = 20;
const SESSION = "ses_a";

/** A relay of before ADR 0059: it publishes no briefs and no beats, answers no gateway's questions, and says "here" only. */
function beforeBriefs(broker: TestBroker): Pick<TestBroker, "connect"> {
  return {
    async connect(role) {
      const nc = await broker.connect(role);
      const publish = nc.publish.bind(nc);
      const subscribe = nc.subscribe.bind(nc);
      const old: Pick<NatsConnection, "publish" | "subscribe"> = {
        publish(subject, ...rest) {
          if (/\.(?:brief|beat)$/.test(subject)) return;
          if (subject.startsWith("rr.presence.") && rest[0] !== "bye") return publish(subject, "here");
          publish(subject, ...rest);
        },
        subscribe: (subject, options) =>
          /\.\*\.(?:brief|backlog)$/.test(subject)
            ? subscribe("nothing", options)
            : subscribe(subject, options),
      };
      return Object.assign(nc, old);
    },
  };
}

const write = (gateway: TestGateway, session = SESSION, prefer = ""): ReturnType<typeof call> =>
  call(
    gateway.url(),
    "POST",
    "/events",
    { session_id: session, event_type: "message", timestamp: "2026-01-01T00:00:00Z" },
    prefer === "" ? {} : { prefer },
  );

/** Sends events and counts those that were taken. */
async function taken(gateway: TestGateway, count: number): Promise<number> {
  let accepted = 0;
  for (let i = 0; i < count; i++)
    if ((await write(gateway, SESSION, "respond-async")).status === 202) accepted++;
  return accepted;
}

const relayState = async (gateway: TestGateway): Promise<unknown> =>
  (await call(gateway.url(), "GET", "/_relay/ready")).json["dependencies"];

describe("relays and gateways of several versions (ADR 0059)", () => {
  it("a gateway of today beside a relay of before: answers are waited for, an outage is known, and the limit holds", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(beforeBriefs(broker), coordinator.url);
    await using gateway = await startTestGateway(broker, { sessionMaxEvents: LIMIT, answerWaitMs: 60_000 });
    await expect.poll(() => relayState(gateway)).toMatchObject({ relay: { state: "up" } });
    expect((await write(gateway)).status).toBe(201);
    await coordinator.stop();
    const offered = await taken(gateway, 3 * LIMIT);
    expect(offered).toBeGreaterThanOrEqual(LIMIT - 1); // the first event may count until the relay speaks again
    expect(offered).toBeLessThan(LIMIT + 10);
    await expect.poll(() => relayState(gateway)).toMatchObject({ coordinator: { state: "away" } });
    expect((await write(gateway, "ses_b")).status).toBe(202); // at once: nobody waits a minute here
    expect(relay.fatal).toEqual([]);
  });

  it("a gateway of today beside relays of both kinds: the limit holds on the shards of each", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const states = watchStates(await broker.connect("operator"));
    await using older = await startTestRelay(beforeBriefs(broker), coordinator.url, { relay: "a" });
    await using newer = await startTestRelay(broker, coordinator.url, { relay: "b" });
    await using gateway = await startTestGateway(broker, { sessionMaxEvents: LIMIT });
    await coordinator.stop();
    const sessions = Array.from({ length: 16 }, (_, i) => `ses_${i}`);
    const owners = (): (string | undefined)[] =>
      sessions.map(
        (session) =>
          [...states.values()].find((state) => state.shards.some(({ shard }) => shard === shardOf(session)))
            ?.relay,
      );
    for (const session of sessions) await write(gateway, session, "respond-async");
    await expect
      .poll(async () => {
        for (const session of sessions) await write(gateway, session, "respond-async");
        return new Set(owners());
      })
      .toEqual(new Set(["a", "b"]));
    const acceptedOf = new Map<string, number>();
    for (let i = 0; i < 2 * LIMIT; i++)
      for (const session of sessions)
        if ((await write(gateway, session, "respond-async")).status === 202)
          acceptedOf.set(session, (acceptedOf.get(session) ?? 0) + 1);
    for (const session of sessions) {
      expect(acceptedOf.get(session) ?? 0).toBeLessThan(LIMIT + 10);
      expect((await write(gateway, session, "respond-async")).status).toBe(429);
    }
    expect([...older.fatal, ...newer.fatal]).toEqual([]);
  });

  it("a gateway of before beside a relay of today: the subject that it listens to has whole states, with their sessions", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const heard: (RelayState | undefined)[] = [];
    const old = await broker.connect("gateway");
    old.subscribe("rr.state.>", { callback: (_, msg) => void heard.push(decodeState(msg.string())) });
    await using relay = await startTestRelay(broker, coordinator.url);
    await using gateway = await startTestGateway(broker, { gateway: "gw2" });
    await coordinator.stop();
    await write(gateway, SESSION, "respond-async");
    await expect
      .poll(() => heard.findLast((state) => state !== undefined))
      .toMatchObject({ backlog: [{ session: SESSION, events: 1 }], overflow: false });
    expect(heard).toContain(undefined); // briefs and beats, which it does not read
    await relay.close();
    await expect.poll(() => heard.findLast((state) => state !== undefined)?.stopping).toBe(true);
  });

  it("two gateways of one session know of each other's events; of a session that waits the answer is not waited for", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url);
    await using first = await startTestGateway(broker, { sessionMaxEvents: LIMIT });
    await coordinator.stop();
    expect(await taken(first, LIMIT)).toBe(LIMIT);
    await using second = await startTestGateway(broker, { gateway: "gw2", sessionMaxEvents: LIMIT + 3 });
    expect((await write(second, SESSION, "respond-async")).status).toBe(202);
    // its relay tells it that 21 wait, and what it takes after that it counts itself
    await expect.poll(async () => (await write(second, SESSION, "respond-async")).status).toBe(429);
    await coordinator.start();
    await expect.poll(async () => (await write(first)).status, { timeout: 30_000 }).toBe(201); // all of it drained: the relay says that nothing waits
    expect(relay.fatal).toEqual([]);
  });
});
