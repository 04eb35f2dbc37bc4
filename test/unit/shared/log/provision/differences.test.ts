import type { ConsumerConfig, StreamConfig } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { judgeCheckpoint } from "../../../../../src/shared/log/provision/checkpoints.ts";
import { compareConsumer, compareStream } from "../../../../../src/shared/log/provision/differences.ts";
import { refuseOldBroker } from "../../../../../src/shared/log/provision/provision.ts";
import {
  consumerPlan,
  defaultLogBytes,
  eventsPlan,
} from "../../../../../src/shared/log/provision/streams.ts";
import { freshCheckpoint } from "../../../../../src/shared/log/state/checkpoint.ts";

const GIB = 1024 ** 3;
const plan = eventsPlan({ bytes: 1000, replicas: 1, duplicateWindowMs: 60_000, shardCount: 8 });
const made = plan as StreamConfig;

describe("an existing stream", () => {
  test.each<{ change: Partial<StreamConfig>; widen: object | undefined }>([
    { change: {}, widen: undefined },
    { change: { max_bytes: 10 }, widen: { max_bytes: 1000 } },
    { change: { max_bytes: 5000, num_replicas: 3 }, widen: undefined },
    { change: { subjects: ["rr.ev.>", "mine"] }, widen: { subjects: ["rr.ev.>", "mine", "rr.replay.>"] } },
    {
      change: { allow_atomic: false, allow_direct: false },
      widen: { allow_atomic: true, allow_direct: true },
    },
  ])("is only widened: $change", ({ change, widen }) => {
    expect(compareStream(plan, { ...made, ...change })).toEqual({ widen, differences: [] });
  });

  test.each<{ change: Partial<StreamConfig>; difference: string }>([
    { change: { retention: "workqueue" }, difference: "retention is workqueue" },
    { change: { storage: "memory" }, difference: "storage is memory" },
    { change: { discard: "old" }, difference: "discard is old" },
    { change: { max_age: 5 }, difference: "max_age is 5" },
    { change: { max_bytes: -1 }, difference: "max_bytes is unlimited" },
    { change: { max_msgs: 7 }, difference: "max_msgs is 7" },
    { change: { persist_mode: "async" }, difference: "persist_mode is async" },
    { change: { deny_purge: true }, difference: "deny_purge is set" },
    { change: { sealed: true }, difference: "sealed is set" },
  ])("is refused: $difference", ({ change, difference }) => {
    const { differences } = compareStream(plan, { ...made, ...change });
    expect(differences).toEqual([expect.stringContaining(difference)]);
  });
});

describe("what the broker publishes of a stream", () => {
  const publishing = { ...plan, republish: { src: "a.>", dest: "b.>" } };
  test("is added where it is missing, and kept where it is the same", () => {
    expect(compareStream(publishing, made)).toEqual({
      widen: { republish: { src: "a.>", dest: "b.>" } },
      differences: [],
    });
    const same = { ...made, republish: { src: "a.>", dest: "b.>", headers_only: false } };
    expect(compareStream(publishing, same)).toEqual({ widen: undefined, differences: [] });
  });
  test.each([
    { src: "a.>", dest: "c.>" },
    { src: "a.x", dest: "b.>" },
    { src: "a.>", dest: "b.>", headers_only: true },
  ])("is not exchanged: %o", (republish) => {
    const { differences } = compareStream(publishing, { ...made, republish });
    expect(differences).toEqual([expect.stringContaining("republish is")]);
  });
});

describe("an existing consumer", () => {
  const wanted = consumerPlan(2, 8);
  const existing = { ...wanted, opt_start_seq: 77 } as ConsumerConfig;
  test("may start anywhere, its filters in any order", () => {
    const filters = (existing.filter_subjects ?? []).toReversed();
    expect(compareConsumer(wanted, { ...existing, filter_subjects: filters })).toEqual([]);
  });
  test.each<[string, Partial<ConsumerConfig>]>([
    ["max_deliver", { max_deliver: 5 }],
    ["backoff", { backoff: [1] }],
    ["filter_subjects", { filter_subjects: ["rr.ev.1.>"] }],
    ["priority_policy", { priority_policy: "none" }],
    ["inactive_threshold", { inactive_threshold: 1 }],
    ["deliver_policy", { deliver_policy: "new" }],
  ])("is refused for another %s", (name, change) => {
    expect(compareConsumer(wanted, { ...existing, ...change })).toEqual([expect.stringContaining(name)]);
  });
});

describe("a shard's checkpoint", () => {
  const log = { created: "T", messages: 5, firstSeq: 11, lastSeq: 15 };
  const empty = { ...log, messages: 0 };
  test.each([
    { why: "its own", log, checkpoint: freshCheckpoint("T", 12), verdict: { kind: "valid", floor: 12 } },
    { why: "none, empty log", log: empty, checkpoint: undefined, verdict: { kind: "fresh", floor: 15 } },
    {
      why: "another's, empty log",
      log: empty,
      checkpoint: freshCheckpoint("S", 99),
      verdict: { kind: "fresh", floor: 15 },
    },
    { why: "none", log, checkpoint: undefined, verdict: { kind: "refuse", code: "checkpoint_missing" } },
    {
      why: "another's",
      log,
      checkpoint: freshCheckpoint("S", 1),
      verdict: { kind: "refuse", code: "checkpoint_mismatch" },
    },
    {
      why: "above the end",
      log,
      checkpoint: freshCheckpoint("T", 16),
      verdict: { kind: "refuse", code: "checkpoint_mismatch" },
    },
  ])("$why", ({ log: state, checkpoint, verdict }) => {
    expect(judgeCheckpoint(state, checkpoint, undefined)).toMatchObject(verdict);
  });
  test.each([
    { from: "first" as const, floor: 10 },
    { from: "new" as const, floor: 15 },
    { from: 13, floor: 12 },
    { from: 99, floor: 15 },
  ])("the operator says $from", ({ from, floor }) => {
    expect(judgeCheckpoint(log, undefined, from)).toEqual({ kind: "rewrite", floor });
    expect(judgeCheckpoint(log, freshCheckpoint("T", 14), from)).toEqual({ kind: "valid", floor: 14 });
  });
});

test.each([
  ["2.14.0", true],
  ["2.15.2", true],
  ["3.0.0", true],
  ["2.14.0-beta.1", true],
  ["2.13.9", false],
  ["2.9.25", false],
])("nats-server %s", (version, good) => {
  if (good) expect(() => refuseOldBroker(version)).not.toThrow();
  else expect(() => refuseOldBroker(version)).toThrow(expect.objectContaining({ code: "broker_too_old" }));
});

test.each([
  { free: undefined, bytes: 10 * GIB },
  { free: 100 * GIB, bytes: 10 * GIB },
  { free: 1.25 * GIB, bytes: 0.45 * GIB },
  { free: 0, bytes: 16 * 1024 ** 2 },
])("a new log takes its share of $free bytes", ({ free, bytes }) => {
  expect(defaultLogBytes(free)).toBe(Math.floor(bytes));
});
