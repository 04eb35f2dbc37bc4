import { deadSubject, eventSubject, shardOf } from "../../support/eight-shards.ts";
import { jetstream, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { createControl, readControls } from "../../../src/shared/log/state/control.ts";
import { readLogStatus } from "../../../src/shared/messages/status/log-status.ts";
import { readStates } from "../../../src/shared/log/state/state-store.ts";
import { questionSubject, RECEIPT_SUBJECT, VIEW_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import {
  consumerName,
  DEAD_STREAM,
  EVENTS_STREAM,
  PRIORITY_GROUP,
  STATE_BUCKET,
  stateKey,
} from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";

// matrix.test.ts asks who may · this asks whether each role's work can be done with it

const SESSION = "s1";
const RUNNER = "host.p";
const SUBJECT = eventSubject(RUNNER, SESSION, "event");
const SHARD = shardOf(SESSION);

let broker: TestBroker;
beforeEach(async () => {
  const gateways = [{ gateway: "gw1", runner: RUNNER }];
  broker = await provisioned(await startTestBroker({ gateways }));
});
afterEach(() => broker[Symbol.asyncDispose]());

/** As the product opens it: without asking for the account's information, which some users may not. */
async function managerOf(nc: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(nc, { checkAPI: false });
}

async function store(count: number): Promise<void> {
  const gateway = await broker.connect("gateway");
  for (let i = 1; i <= count; i++) {
    expect((await jetstream(gateway).publish(SUBJECT, `event ${i}`)).seq).toBe(i);
  }
}

test("a gateway appends, asks a relay, is answered in its inbox, and hears the relay's state", async () => {
  const gateway = await broker.connect("gateway");
  const relay = await broker.connect("relay");
  const states: string[] = [];
  gateway.subscribe("rr.state.>", { callback: (_, message) => void states.push(message.string()) });
  const question = questionSubject(RECEIPT_SUBJECT, "gw1");
  relay.subscribe(question, {
    queue: "relay",
    callback: (_, message) => void message.respond("pending"),
  });
  await Promise.all([gateway.flush(), relay.flush()]);
  await store(1);
  expect((await gateway.request(question, "?")).string()).toBe("pending");
  relay.publish("rr.state.relay-a", "ready");
  await expect.poll(() => states).toEqual(["ready"]);
});

test("a gateway cannot read an event, not even its own", async () => {
  await store(1);
  const gateway = await broker.connect("gateway");
  const manager = await managerOf(gateway);
  await expect(manager.streams.getMessage(EVENTS_STREAM, { seq: 1 })).rejects.toThrow(/permissions/i);
  await expect(manager.direct.getMessage(EVENTS_STREAM, { seq: 1 })).rejects.toThrow(/permissions/i);
  await expect(manager.streams.info(EVENTS_STREAM)).rejects.toThrow(/permissions/i);
  await expect(manager.consumers.add(EVENTS_STREAM, { name: "spy" })).rejects.toThrow(/permissions/i);
});

test("a relay consumes, acknowledges, resets, unpins, reads by sequence and writes dead letters", async () => {
  await store(2);
  const relay = await broker.connect("relay");
  const manager = await managerOf(relay);
  const consumer = `${EVENTS_STREAM}.${consumerName(SHARD)}`;
  const got: { text: string; reply: string; pin: string | undefined }[] = [];
  relay.subscribe("_INBOX_rl.pull", {
    callback: (_, message) => {
      if (!message.reply) return;
      const pin = message.headers?.get("Nats-Pin-Id");
      got.push({ text: message.string(), reply: message.reply, pin });
    },
  });
  const pull = JSON.stringify({ batch: 10, expires: 1_000_000_000, group: PRIORITY_GROUP });
  relay.publish(`$JS.API.CONSUMER.MSG.NEXT.${consumer}`, pull, { reply: "_INBOX_rl.pull" });
  await expect.poll(() => got.map(({ text }) => text)).toEqual(["event 1", "event 2"]);
  expect(got[0]?.pin).toBeTruthy();

  relay.publish(got[0]?.reply ?? "", "+ACK");
  const floor = async (): Promise<number | undefined> =>
    (await manager.consumers.info(EVENTS_STREAM, consumerName(SHARD))).ack_floor.stream_seq;
  await expect.poll(floor).toBe(1);
  for (const [verb, payload] of [
    ["RESET", ""],
    ["UNPIN", JSON.stringify({ group: PRIORITY_GROUP })],
  ]) {
    const reply = await relay.request(`$JS.API.CONSUMER.${verb}.${consumer}`, payload);
    expect(reply.json()).not.toHaveProperty("error");
  }

  expect((await manager.direct.getMessage(EVENTS_STREAM, { seq: 2 }))?.string()).toBe("event 2");
  const dead = deadSubject("id1", "host.p", SESSION, "event");
  await jetstream(relay).publish(dead, "poison", { expect: { lastSubjectSequence: 0 } });
  const letter = await manager.direct.getMessage(DEAD_STREAM, { last_by_subj: "rr.dead.id1.>" });
  expect(letter?.string()).toBe("poison");
});

test("a relay keeps its state, and answers operators", async () => {
  const relay = await broker.connect("relay");
  const kv = await new Kvm(jetstream(relay)).open(STATE_BUCKET, { bindOnly: true, allow_direct: true });
  const revision = await kv.put("superseded.x", "why");
  await kv.update("superseded.x", "because", revision);
  expect((await kv.get("superseded.x"))?.string()).toBe("because");
  await kv.delete("superseded.x");
  expect((await kv.get("superseded.x"))?.operation).toBe("DEL");

  relay.subscribe(RECEIPT_SUBJECT, {
    queue: "relay",
    callback: (_, message) => void message.respond("delivered"),
  });
  await relay.flush();
  const operator = await broker.connect("operator");
  expect((await operator.request(RECEIPT_SUBJECT, "?")).string()).toBe("delivered");
});

test("a console hears and asks relays, redrives a dead letter, drops it and pauses; a relay may do none of that", async () => {
  await store(1);
  const relay = await broker.connect("relay");
  await jetstream(relay).publish(deadSubject("id1", "host.p", SESSION, "event"), "poison");
  relay.subscribe(`${VIEW_SUBJECT}.relay-a-00ff`, {
    queue: "relay",
    callback: (_, message) => void message.respond("lanes"),
  });
  await relay.flush();
  const page = await broker.connect("console");
  const states: string[] = [];
  page.subscribe("rr.state.>", { callback: (_, message) => void states.push(message.string()) });
  expect((await page.request(`${VIEW_SUBJECT}.relay-a-00ff`, "?")).string()).toBe("lanes");
  relay.publish("rr.state.relay-a", "ready");
  await expect.poll(() => states).toEqual(["ready"]);

  const manager = await managerOf(page);
  expect((await readLogStatus(manager)).status).toMatchObject({ dead: { messages: 1 } });
  const again = eventSubject("host.p", SESSION, "event", "replay");
  const refused = await managerOf(relay);
  await expect(jetstream(relay).publish(again, "event 1")).rejects.toThrow(/permissions/i);
  await expect(refused.streams.deleteMessage(DEAD_STREAM, 1, false)).rejects.toThrow(/permissions/i);
  await expect(refused.streams.getMessage(DEAD_STREAM, { seq: 1 })).rejects.toThrow(/permissions/i);
  await expect(refused.consumers.add(DEAD_STREAM, { name: "spy" })).rejects.toThrow(/permissions/i);
  expect((await jetstream(page).publish(again, "event 1")).seq).toBe(2);
  expect(await manager.streams.deleteMessage(DEAD_STREAM, 1, false)).toBe(true);
  const control = createControl({ nc: page, jsm: manager, clock: systemClock });
  await control.pauseSession(SESSION, "by hand");
  expect((await readControls(manager)).sessions).toMatchObject([{ session: SESSION, action: "pause" }]);
});

test("an operator reads, replays, drops a dead letter and pauses", async () => {
  await store(1);
  const relay = await broker.connect("relay");
  await jetstream(relay).publish(deadSubject("id1", "host.p", SESSION, "event"), "poison");
  const operator = await broker.connect("operator");
  const manager = await managerOf(operator);
  expect((await manager.streams.info(EVENTS_STREAM)).state.messages).toBe(1);
  expect((await manager.streams.getMessage(EVENTS_STREAM, { seq: 1 }))?.string()).toBe("event 1");
  expect((await manager.consumers.info(EVENTS_STREAM, consumerName(SHARD))).num_pending).toBe(1);
  const again = eventSubject("host.p", SESSION, "event", "replay");
  expect((await jetstream(operator).publish(again, "event 1")).seq).toBe(2);
  expect(await manager.streams.deleteMessage(DEAD_STREAM, 1, false)).toBe(true);
  const kv = await new Kvm(jetstream(operator)).open(STATE_BUCKET, { bindOnly: true, allow_direct: true });
  await kv.put(stateKey.paused, "by hand");
  expect([...(await readStates(manager, stateKey.paused)).keys()]).toEqual([stateKey.paused]);
  await expect(manager.streams.purge(EVENTS_STREAM)).rejects.toThrow(/permissions/i);
});

test("prune removes what is settled and cannot write an event", async () => {
  await store(3);
  const prune = await broker.connect("prune");
  const manager = await managerOf(prune);
  expect((await manager.consumers.info(EVENTS_STREAM, consumerName(SHARD))).num_pending).toBe(3);
  expect((await readStates(manager, "checkpoint.*")).size).toBeGreaterThan(0);
  expect((await manager.direct.getMessage(EVENTS_STREAM, { seq: 1 }))?.string()).toBe("event 1");
  expect((await manager.streams.purge(EVENTS_STREAM, { seq: 3 })).purged).toBe(2);
  await expect(jetstream(prune).publish(SUBJECT, "forged")).rejects.toThrow(/permissions/i);
  await expect(manager.streams.purge(DEAD_STREAM)).rejects.toThrow(/permissions/i);
});
