import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock, type Clock } from "../../../src/shared/base/clock.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { runPrune } from "../../../src/shared/log/prune.ts";
import { encodeCheckpoint, freshCheckpoint } from "../../../src/shared/log/state/checkpoint.ts";
import { encodeHeld } from "../../../src/shared/log/state/held.ts";
import { putState } from "../../../src/shared/log/state/state-store.ts";
import {
  consumerName,
  EVENTS_STREAM,
  STATE_STREAM,
  stateKey,
} from "../../../src/shared/log/schema/topology.ts";
import { startCluster, type Cluster } from "../../support/cluster.ts";
import { eventSubject, shardOf } from "../../support/eight-shards.ts";
import { eventually } from "../../support/eventually.ts";

/** A stream that has nothing: what a copy answers that has nothing yet. */
const EMPTY = "EMPTY";
const SESSION = "s1";
const EVENTS = 6;
const HELD_FROM = 3;
const options = {
  retentionMs: 0,
  clock: { ...systemClock, wall: () => Date.now() + 60_000 } satisfies Clock,
};

let cluster: Cluster;
let nc: NatsConnection;
let jsm: JetStreamManager;

beforeAll(async () => {
  cluster = await startCluster();
  const admin = await cluster.connect("admin");
  await eventually(() => provision(admin, { replicas: 3, logBytes: 16 * 1024 * 1024 }), 500);
  nc = await cluster.connectFreely(0);
  jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: EMPTY, subjects: ["empty"], allow_direct: true });
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

/** Events of the session. Returns the last number of the log. */
async function append(): Promise<number> {
  for (let i = 0; i < EVENTS; i++) await nc.request(eventSubject("r1", SESSION, "event"), "x");
  return (await jsm.streams.info(EVENTS_STREAM)).state.last_seq;
}

/** A relay settled everything up to there. */
async function settle(floor: number): Promise<void> {
  const { created } = await jsm.streams.info(EVENTS_STREAM);
  await putState(
    nc,
    stateKey.checkpoint(shardOf(SESSION)),
    encodeCheckpoint(freshCheckpoint(created, floor)),
  );
}

/** A session whose events are all acknowledged and below the floor, and which is held from its third one on; the number of that. */
async function holdSession(): Promise<number> {
  const last = await append();
  await settle(last);
  const from = last - EVENTS + HELD_FROM;
  const record = { v: 1, session: SESSION, from, reason: "parked", text: "", since: 0 } as const;
  await putState(nc, stateKey.held(SESSION), encodeHeld(record));
  return from;
}

/** The same connection, some of whose questions go to the empty stream instead, or have an answer already. */
function astray(
  goes: (subject: string, payload: string) => boolean,
  answers: ReadonlyMap<string, Msg> = new Map(),
): NatsConnection {
  const lead = (subject: string, payload?: unknown): string =>
    goes(subject, payload instanceof Uint8Array ? new TextDecoder().decode(payload) : "")
      ? subject.replace(STATE_STREAM, EMPTY)
      : subject;
  const changed: Partial<NatsConnection> = {
    request: async (subject, payload, opts) =>
      answers.get(subject) ?? nc.request(lead(subject, payload), payload, opts),
    publish: (subject, payload, opts) => nc.publish(lead(subject, payload), payload, opts),
  };
  return new Proxy(nc, {
    get(target, name) {
      const value: unknown = Reflect.get(name in changed ? changed : target, name);
      return typeof value === "function" && !(name in changed) ? value.bind(target) : value;
    },
  });
}

async function firstSeq(): Promise<number> {
  return (await jsm.streams.info(EVENTS_STREAM)).state.first_seq;
}

test("SETTLE-1: a consumer's leader whose copy of the log is behind says that nothing is pending, and is not believed", async () => {
  const shard = shardOf(SESSION);
  const subject = `$JS.API.CONSUMER.INFO.${EVENTS_STREAM}.${consumerName(shard)}`;
  const before = await nc.request(subject);
  const last = await append();
  await runPrune(
    astray(() => false, new Map([[subject, before]])),
    options,
  );
  expect(await firstSeq()).toBe(last - EVENTS + 1);
});

test("SETTLE-1: a held session that a copy of the relays' state does not have yet keeps its events", async () => {
  const from = await holdSession();
  let asked = 0;
  const behind = astray((subject) => subject === `$JS.API.DIRECT.GET.${STATE_STREAM}` && ++asked <= 3);
  await runPrune(behind, options);
  expect(asked).toBeGreaterThan(3);
  expect(await firstSeq()).toBe(from);
});

test("SETTLE-1: a leader of the relays' state that was replaced, and does not know of a held session, is not believed", async () => {
  const from = await holdSession();
  let looks = 0;
  const old = astray((subject, payload) => {
    if (subject === `$JS.API.STREAM.INFO.${STATE_STREAM}`) looks++;
    if (looks > 3) return false;
    return (
      subject === `$JS.API.STREAM.INFO.${STATE_STREAM}` ||
      (subject === `$JS.API.STREAM.MSG.GET.${STATE_STREAM}` && payload.includes(stateKey.held("")))
    );
  });
  await runPrune(old, options);
  expect(looks).toBeGreaterThan(3);
  expect(await firstSeq()).toBe(from);
});
