import { describe, expect, test } from "vitest";
import { readSyncAlwaysOfMonitor } from "../../../../../src/shared/log/durability/durability.ts";
import { readSyncAlways } from "../../../../../src/shared/log/durability/sync-always.ts";

describe("HONEST-1: does the broker sync every write?", () => {
  test.each([
    "jetstream { sync_interval: always }",
    "jetstream: {\n  store_dir: '/x'\n  sync_interval = \"always\" # yes\n}",
    "port: 4222 // nats://x\nroutes = [nats://a:1, nats://b:2]\nJetStream {sync: ALWAYS}",
    "jetstream { limits { a: 1 }\n sync_interval always }",
    'include "users.conf"\njetstream{store_dir:"/a#b",sync_interval:always}',
  ])("yes: %s", (text) => expect(readSyncAlways(text)).toBe(true));

  test.each([
    "",
    "jetstream { store_dir: x }",
    "jetstream { sync_interval: 2m }",
    "jetstream { # sync_interval: always\n}",
    "jetstream { // sync_interval: always\n}",
    "sync_interval: always",
    "cluster { sync_interval: always }",
    "jetstream { limits { sync_interval: always } }",
    "jetstream { sync_interval: always, sync_interval: 1s }",
    'jetstream { store_dir: "sync_interval: always" }',
    "jetstream: enabled\nsync_interval: always",
  ])("no: %s", (text) => expect(readSyncAlways(text)).toBe(false));

  test("as the monitoring page has it", () => {
    expect(readSyncAlwaysOfMonitor({ config: { sync_interval: 120e9, sync_always: true } })).toBe(true);
    for (const no of [
      null,
      "x",
      {},
      { config: null },
      { config: { sync_interval: 120e9 } },
      { config: { sync_always: "true" } },
    ]) {
      expect(readSyncAlwaysOfMonitor(no)).toBe(false);
    }
  });
});
