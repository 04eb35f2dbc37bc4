import type { StreamConfig } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { judgeDurability } from "../../../../../src/shared/log/durability/read-durability.ts";
import { eventsPlan } from "../../../../../src/shared/log/provision/streams.ts";

const stream = eventsPlan({ bytes: 1, replicas: 1, duplicateWindowMs: 1 }) as StreamConfig;

test("HONEST-1: fsync is claimed only if the broker is known to sync and nothing speaks against it", () => {
  expect(judgeDurability({ kind: "always" }, stream)).toEqual({ durability: "fsync", problems: [] });
});

test.each([
  { sync: { kind: "not_always" } as const, change: {}, problem: "does not sync" },
  { sync: { kind: "unknown", why: "no answer" } as const, change: {}, problem: "no answer" },
  { sync: { kind: "always" } as const, change: { storage: "memory" } as const, problem: "storage is memory" },
  { sync: { kind: "always" } as const, change: { persist_mode: "async" } as const, problem: "persist_mode" },
  { sync: { kind: "always" } as const, change: { discard: "old" } as const, problem: "discard is old" },
  { sync: { kind: "always" } as const, change: { max_age: 5 }, problem: "max_age" },
  { sync: { kind: "always" } as const, change: { num_replicas: 2 }, problem: "2 replicas" },
])("HONEST-1: unverified: $problem", ({ sync, change, problem }) => {
  const report = judgeDurability(sync, { ...stream, ...change });
  expect(report).toEqual({ durability: "unverified", problems: [expect.stringContaining(problem)] });
});
