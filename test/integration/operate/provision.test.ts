import { eventSubject } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { deleteState, readState, readStates, writeState } from "../../../src/shared/log/state/state-store.ts";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  freshCheckpoint,
} from "../../../src/shared/log/state/checkpoint.ts";
import { decodeHeld, encodeHeld } from "../../../src/shared/log/state/held.ts";
import {
  consumerName,
  DEAD_STREAM,
  EVENTS_STREAM,
  stateKey,
} from "../../../src/shared/log/schema/topology.ts";
import { startPlainServer } from "../../support/plain-server.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

const MIB = 1024 * 1024;
const small = { logBytes: 16 * MIB };

async function broker(): Promise<TestBroker> {
  const it = await startTestBroker();
  onTestFinished(() => it[Symbol.asyncDispose]());
  return it;
}

async function admin(it: TestBroker) {
  const nc = await it.connect("admin");
  return { nc, jsm: await jetstreamManager(nc) };
}

async function append(it: TestBroker, sessions: string[]): Promise<void> {
  const gateway = await it.connect("gateway");
  for (const session of sessions) await gateway.request(eventSubject("r1", session, "event"), "x");
}

test("a broker that went away meanwhile is away, and not too old", async () => {
  const it = await broker();
  const { nc } = await admin(it);
  await it.kill9();
  await expect.poll(() => nc.info, { interval: 5 }).toBeUndefined();
  await expect(provision(nc)).rejects.toMatchObject({ code: "log_unreachable" });
});

describe("a fresh broker", () => {
  test("gets streams, state, checkpoints at 0 and eight consumers", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    const done = await provision(nc, small);
    expect(done.changes).toHaveLength(3 + 8);
    const { config, created } = await jsm.streams.info(EVENTS_STREAM);
    expect(config).toMatchObject({
      retention: "limits",
      storage: "file",
      discard: "new",
      max_age: 0,
      max_bytes: 16 * MIB,
      allow_direct: true,
      allow_atomic: true,
      subjects: ["rr.ev.>", "rr.replay.>"],
    });
    for (let shard = 0; shard < 8; shard++) {
      const stored = await readState(jsm, stateKey.checkpoint(shard));
      expect(decodeCheckpoint(stored?.value ?? new Uint8Array())).toMatchObject({
        stream: created,
        floor: 0,
      });
      const consumer = await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
      expect(consumer.config).toMatchObject({
        ack_policy: "explicit",
        max_deliver: -1,
        opt_start_seq: 1,
        priority_policy: "pinned_client",
      });
      expect(consumer.config.inactive_threshold ?? 0).toBe(0);
    }
  });

  test("is left alone by the second run, and two at once agree", async () => {
    const it = await broker();
    const [a, b] = [await admin(it), await admin(it)];
    const both = await Promise.all([provision(a.nc, small), provision(b.nc, { logBytes: 17 * MIB })]);
    expect(both[0].stream.created).toBe(both[1].stream.created);
    await append(it, ["s1", "s2", "s3"]);
    const again = await provision(a.nc, { logBytes: 8 * MIB });
    expect(again.changes).toEqual([]);
    expect(again.stream.maxBytes).toBeGreaterThanOrEqual(16 * MIB);
  });

  test("is widened on request: bytes and duplicate window", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    await provision(nc, { ...small, duplicateWindowMs: 60_000 });
    await provision(nc, { logBytes: 32 * MIB, duplicateWindowMs: 120_000 });
    const { config } = await jsm.streams.info(EVENTS_STREAM);
    expect(config).toMatchObject({ max_bytes: 32 * MIB, duplicate_window: 120_000_000_000 });
  });
});

describe("a log with other settings", () => {
  test("is refused with every difference, and nothing is changed", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    await jsm.streams.add({
      name: EVENTS_STREAM,
      subjects: ["rr.ev.>"],
      max_bytes: MIB,
      max_age: 1e9,
      discard: "old",
      duplicate_window: 1e9,
    });
    const before = (await jsm.streams.info(EVENTS_STREAM)).config;
    await expect(provision(nc, small)).rejects.toMatchObject({
      code: "stream_differs",
      message: expect.stringMatching(/discard is "?old.*max_age is 1000000000/s),
    });
    expect((await jsm.streams.info(EVENTS_STREAM)).config).toEqual(before);
  });

  test("a consumer with other settings is refused", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    await provision(nc, small);
    await jsm.consumers.update(EVENTS_STREAM, consumerName(3), { max_ack_pending: 5 });
    await expect(provision(nc, small)).rejects.toMatchObject({
      code: "stream_differs",
      message: expect.stringContaining("relay-3: max_ack_pending is 5"),
    });
  });
});

describe("SETTLE-1: a consumer is created only from the checkpoint", () => {
  test("a lost consumer comes back behind its floor", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    const { stream } = await provision(nc, small);
    await append(it, ["s1", "s2", "s3", "s4"]);
    const key = stateKey.checkpoint(5);
    const revision = (await readState(jsm, key))?.revision ?? -1;
    await writeState(nc, key, encodeCheckpoint(freshCheckpoint(stream.created, 3)), revision);
    await jsm.consumers.delete(EVENTS_STREAM, consumerName(5));
    await provision(nc, small);
    const { config } = await jsm.consumers.info(EVENTS_STREAM, consumerName(5));
    expect(config.opt_start_seq).toBe(4);
  });

  test("events without a checkpoint are the operator's decision", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    await provision(nc, small);
    await append(it, ["s1", "s2", "s3", "s4"]);
    await jsm.streams.delete("KV_RR_STATE");
    await expect(provision(nc, small)).rejects.toMatchObject({
      code: "checkpoint_missing",
      message: expect.stringContaining("--from"),
    });
    await provision(nc, { ...small, from: 3 });
    for (let shard = 0; shard < 8; shard++) {
      const { config } = await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
      expect(config.opt_start_seq).toBe(3);
    }
    expect((await provision(nc, small)).changes).toEqual([]);
  });

  test(
    "a checkpoint that somebody deleted, as `nats kv del` does, is written anew",
    { timeout: 20_000 },
    async () => {
      const it = await broker();
      const { nc, jsm } = await admin(it);
      await provision(nc, small);
      const key = stateKey.checkpoint(5);
      const before = await readState(jsm, key);
      expect(await deleteState(nc, key, before?.revision ?? 0)).toBe(true);
      await provision(nc, { ...small, from: "first" });
      expect(await readState(jsm, key)).toMatchObject({ value: before?.value });
    },
  );

  test("a checkpoint of another log is refused once the log has events", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    await provision(nc, small);
    await append(it, ["s1"]);
    await jsm.streams.delete(EVENTS_STREAM);
    await jsm.streams.add({
      name: EVENTS_STREAM,
      subjects: ["rr.ev.>"],
      max_bytes: MIB,
      discard: "new",
      duplicate_window: 1e9,
    });
    await append(it, ["s1"]);
    await expect(provision(nc, small)).rejects.toMatchObject({ code: "checkpoint_mismatch" });
    await provision(nc, { ...small, from: "new" });
    const { config } = await jsm.consumers.info(EVENTS_STREAM, consumerName(0));
    expect(config.opt_start_seq).toBe(2);
  });

  test("a checkpoint above the end of the log is cut, or new events would count as settled", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    const { stream } = await provision(nc, small);
    await append(it, ["s1"]);
    const key = stateKey.checkpoint(0);
    const revision = (await readState(jsm, key))?.revision ?? -1;
    await writeState(nc, key, encodeCheckpoint(freshCheckpoint(stream.created, 9)), revision);
    const { damage } = await provision(nc, small);
    expect(damage).toMatchObject([{ code: "log_shortened", missing: 8, ranges: [[2, 9]] }]);
    const stored = await readState(jsm, key);
    expect(decodeCheckpoint(stored?.value ?? new Uint8Array()).floor).toBe(1);
    expect((await jsm.streams.info(EVENTS_STREAM)).state.last_seq).toBe(9);
    expect((await provision(nc, small)).damage).toEqual([]);
  });

  test("a log that is made anew starts at its beginning, and so do held sessions", async () => {
    const it = await broker();
    const { nc, jsm } = await admin(it);
    await provision(nc, small);
    await append(it, ["s1", "s2"]);
    const held = { v: 1, session: "s1", from: 2, reason: "paused", text: "", since: 0 } as const;
    await writeState(nc, stateKey.held("s1"), encodeHeld(held), 0);
    await jsm.streams.delete(EVENTS_STREAM);
    const { stream } = await provision(nc, { ...small, from: "first" });
    for (let shard = 0; shard < 8; shard++) {
      const stored = await readState(jsm, stateKey.checkpoint(shard));
      expect(decodeCheckpoint(stored?.value ?? new Uint8Array())).toMatchObject({
        stream: stream.created,
        floor: 0,
      });
    }
    const moved = (await readStates(jsm, "held.*")).get("held.s1");
    expect(decodeHeld(moved?.value ?? new Uint8Array())).toEqual({ ...held, from: 1 });
  });
});

describe("a broker of the user's own", () => {
  test("is provisioned, with a log as large as its limits allow", async () => {
    await using server = await startPlainServer({ jetstream: true, maxFileStore: 700 * MIB });
    const nc = await connect({ servers: server.url });
    onTestFinished(() => nc.close());
    const { stream } = await provision(nc);
    expect(stream.maxBytes).toBeLessThan(700 * MIB);
    expect(stream.maxBytes).toBeGreaterThan(100 * MIB);
    expect(await jetstreamManager(nc).then((jsm) => jsm.streams.info(DEAD_STREAM))).toBeDefined();
  });

  test("without JetStream gives a clear error", async () => {
    await using server = await startPlainServer({ jetstream: false });
    const nc = await connect({ servers: server.url });
    onTestFinished(() => nc.close());
    await expect(provision(nc)).rejects.toMatchObject({ code: "jetstream_disabled" });
  });
});
