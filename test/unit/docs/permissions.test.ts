import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { hostUsers } from "../../../src/embedded/leaf.ts";
import { readSyncAlways } from "../../../src/shared/log/durability/sync-always.ts";

const FOLDER = resolve(import.meta.dirname, "../../../deploy/nats");

test("deploy/nats/users.conf gives every user what src/shared/messages/permissions.ts says, and nothing else", async () => {
  await expect(hostUsers({ gateway: "gw1", runner: "runner-1" })).toMatchFileSnapshot(
    resolve(FOLDER, "users.conf"),
  );
});

test("deploy/nats/nats-server.conf syncs every write, and we can see it", () => {
  const text = readFileSync(resolve(FOLDER, "nats-server.conf"), "utf8");
  expect(readSyncAlways(text)).toBe(true);
  expect(text).toContain('include "users.conf"');
});
