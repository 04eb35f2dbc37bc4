import { SHARDS, eventSubject, shardOf } from "../../support/eight-shards.ts";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { runPrune } from "../../../src/shared/log/prune.ts";
import { readState, writeState } from "../../../src/shared/log/state/state-store.ts";
import { encodeCheckpoint, freshCheckpoint } from "../../../src/shared/log/state/checkpoint.ts";
import type { Clock } from "../../../src/shared/base/clock.ts";
import { decodeMark, encodeMark } from "../../../src/shared/log/state/log-mark.ts";
import { encodeHeld } from "../../../src/shared/log/state/held.ts";
import { consumerName, EVENTS_STREAM, stateKey } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { streamFolder } from "../../support/store.ts";

const HOUR = 3_600_000;
/** A clock for which every event of the test is `age` old. */
const later = (age: number): Clock => ({
  now: () => 0,
  wall: () => Date.now() + age,
  after: () => () => undefined,
});

async function setUp(events: number) {
  const broker = await startTestBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const nc = await broker.connect("admin");
  const jsm = await jetstreamManager(nc);
  const { stream } = await provision(nc, { logBytes: 16 * 1024 * 1024 });
  const gateway = await broker.connect("gateway");
  for (let i = 0; i < events; i++) await gateway.request(eventSubject("r1", "s1", "event"), "x");
  const prune = await broker.connect("prune");
  const checkpoint = async (shard: number, floor: number) => {
    const key = stateKey.checkpoint(shard);
    const revision = (await readState(jsm, key))?.revision ?? 0;
    const value = encodeCheckpoint(freshCheckpoint(stream.created, floor));
    expect(await writeState(nc, key, value, revision)).toBe(true);
  };
  return { broker, nc, jsm, prune, checkpoint, shard: shardOf("s1") };
}

async function firstSeq(jsm: JetStreamManager): Promise<number> {
  return (await jsm.streams.info(EVENTS_STREAM)).state.first_seq;
}

test("SETTLE-1: only what is below the floor of the shard at work goes; idle shards do not hold it back", async () => {
  const { jsm, prune, checkpoint, shard } = await setUp(6);
  const options = { retentionMs: HOUR, clock: later(2 * HOUR) };
  expect(await runPrune(prune, options)).toEqual({ removed: 0, below: 1 });
  await checkpoint(shard, 4);
  expect(await runPrune(prune, { ...options, dryRun: true })).toEqual({ removed: 4, below: 5 });
  expect(await firstSeq(jsm)).toBe(1);
  expect(await runPrune(prune, options)).toEqual({ removed: 4, below: 5 });
  expect(await firstSeq(jsm)).toBe(5);
});

test("a prune before and a restart of the broker do not make idle shards hold the next one back", async () => {
  const { broker, nc, jsm, prune, checkpoint, shard } = await setUp(6);
  const options = { retentionMs: HOUR, clock: later(2 * HOUR) };
  await checkpoint(shard, 4);
  await runPrune(prune, options);
  const other = await jsm.consumers.info(EVENTS_STREAM, consumerName((shard + 1) % SHARDS));
  expect(other.ack_floor.stream_seq).toBe(4); // the broker's word for what is gone
  await broker.kill9();
  await broker.restart();
  const back = (): Promise<boolean> =>
    nc.flush().then(
      () => true,
      () => false, // not connected again yet
    );
  await expect.poll(back).toBe(true);
  await checkpoint(shard, 6);
  expect(await runPrune(await broker.connect("prune"), options)).toEqual({ removed: 2, below: 7 });
});

test("SETTLE-1: a held session's events stay", async () => {
  const { nc, jsm, prune, checkpoint, shard } = await setUp(6);
  await checkpoint(shard, 6);
  const held = { v: 1, session: "s1", from: 3, reason: "parked", text: "", since: 0 } as const;
  await writeState(nc, stateKey.held("s1"), encodeHeld(held), 0);
  await runPrune(prune, { retentionMs: HOUR, clock: later(2 * HOUR) });
  expect(await firstSeq(jsm)).toBe(3);
});

test("what is younger than the retention stays", async () => {
  const { jsm, prune, checkpoint, shard } = await setUp(6);
  await checkpoint(shard, 6);
  const times: number[] = [];
  for (let seq = 1; seq <= 6; seq++) {
    times.push((await jsm.direct.getMessage(EVENTS_STREAM, { seq }))?.time.getTime() ?? 0);
  }
  const middle = times[3] ?? 0;
  const clock = { ...later(0), wall: () => middle + HOUR };
  await runPrune(prune, { retentionMs: HOUR, clock });
  expect(await firstSeq(jsm)).toBe(times.findIndex((time) => time >= middle) + 1);
});

test("a checkpoint of another log does not count", async () => {
  const { nc, jsm, prune, shard } = await setUp(3);
  const key = stateKey.checkpoint(shard);
  const revision = (await readState(jsm, key))?.revision ?? 0;
  await writeState(nc, key, encodeCheckpoint(freshCheckpoint("2020-01-01T00:00:00Z", 3)), revision);
  await runPrune(prune, { retentionMs: HOUR, clock: later(2 * HOUR) });
  expect(await firstSeq(jsm)).toBe(1);
});

test("what was pruned is not missing", async () => {
  const { nc, jsm, prune, checkpoint, shard } = await setUp(6);
  await checkpoint(shard, 4);
  expect((await provision(nc)).damage).toEqual([]);
  await runPrune(prune, { retentionMs: HOUR, clock: later(2 * HOUR) });
  expect(await firstSeq(jsm)).toBe(5);
  expect((await provision(nc)).damage).toEqual([]);
  await jsm.streams.purge(EVENTS_STREAM, { seq: 6 }); // somebody else's doing
  expect((await provision(nc)).damage).toMatchObject([{ code: "log_holes", missing: 1, ranges: [[5, 5]] }]);
  expect((await provision(nc)).damage).toEqual([]);
});

test("a log that was empty when it was recorded has lost nothing when its first event is there", async () => {
  const { nc, jsm } = await setUp(1);
  expect((await provision(nc)).damage).toEqual([]);
  const stored = await readState(jsm, stateKey.mark);
  const mark = decodeMark(stored?.value ?? new Uint8Array());
  // an empty log says that its first number is 0
  await writeState(nc, stateKey.mark, encodeMark({ ...mark, first: 0 }), stored?.revision ?? 0);
  expect((await provision(nc)).damage).toEqual([]);
});

test("a log that was pruned to its end and then lost its files has lost nothing, and continues above its old sequences", async () => {
  const { broker, jsm, nc, prune, checkpoint, shard } = await setUp(6);
  await checkpoint(shard, 6);
  await provision(nc, { logBytes: 16 * 1024 * 1024 }); // as relays do: it is written down how far the log goes
  await runPrune(prune, { retentionMs: HOUR, clock: later(2 * HOUR) });
  expect((await jsm.streams.info(EVENTS_STREAM)).state).toMatchObject({ messages: 0, last_seq: 6 });
  await broker.kill9();
  rmSync(join(streamFolder(broker.dataDir, EVENTS_STREAM), "msgs"), { recursive: true });
  await broker.restart();
  const admin = await broker.connect("admin");
  expect((await provision(admin, { logBytes: 16 * 1024 * 1024 })).damage).toEqual([]);
  const { state } = await (await jetstreamManager(admin)).streams.info(EVENTS_STREAM);
  expect(state.last_seq).toBeGreaterThanOrEqual(6);
});
