import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { StreamConfig } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import {
  judgeDurability,
  ofAll,
  readSync,
} from "../../../../../src/shared/log/durability/read-durability.ts";
import { eventsPlan } from "../../../../../src/shared/log/provision/streams.ts";

const stream = eventsPlan({ bytes: 1, replicas: 1, duplicateWindowMs: 1, shardCount: 8 }) as StreamConfig;

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

test.each([
  { known: ["always", "always", "always"], together: "always" },
  { known: ["always", "unknown", "always"], together: "unknown" },
  { known: ["unknown", "always", "not_always"], together: "not_always" },
] as const)("HONEST-1: of servers that replicate each counts: $known", ({ known, together }) => {
  const said = known.map((kind) => (kind === "unknown" ? { kind, why: "no answer" } : { kind }));
  expect(ofAll(said).kind).toBe(together);
});

/** A monitoring page that answers this. */
function page(jsz: object): Promise<string> {
  return new Promise((resolve) => {
    const it = createServer((_, response) => response.end(JSON.stringify(jsz)));
    it.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(it.address() as AddressInfo).port}`));
    onTestFinished(() => void it.close());
  });
}

test("HONEST-1: the page of a hub, which keeps no log, says nothing about the log", async () => {
  const hub = await page({ disabled: true, config: { max_memory: 0, max_storage: 0 } });
  expect(await readSync({ monitor: hub })).toEqual({
    kind: "unknown",
    why: `${hub} is the page of a server without JetStream; the log is kept by another one`,
  });
});

test("HONEST-1: each of several monitoring pages is asked", async () => {
  const server = (sync_always: boolean): Promise<string> => page({ config: { sync_always } });
  const [a, b, lazy] = await Promise.all([server(true), server(true), server(false)]);
  expect(await readSync({ monitor: `${a},${b}` })).toEqual({ kind: "always" });
  expect(await readSync({ monitor: `${a},${lazy},${b}` })).toEqual({ kind: "not_always" });
  expect(await readSync({ monitor: `${a},http://127.0.0.1:1` })).toEqual({
    kind: "unknown",
    why: expect.stringContaining("http://127.0.0.1:1"),
  });
});
