import { describe, expect, test } from "vitest";
import { brokerConfig } from "../../../../../src/embedded/config.ts";
import { readSyncAlways } from "../../../../../src/shared/log/durability/sync-always.ts";

const layout = { port: -1, runDir: "/r/run", storeDir: "/r/store" };

describe("HONEST-1: sync_interval is read from the configuration", () => {
  test("our own configuration", () => {
    expect(readSyncAlways(brokerConfig({ ...layout, syncAlways: true }))).toBe(true);
    expect(readSyncAlways(brokerConfig({ ...layout, syncAlways: false }))).toBe(false);
  });

  test.each([
    ["jetstream { sync_interval: always }"],
    ["jetstream: { store_dir: /x, sync_interval: always }"],
    ['jetstream = {\n  sync_interval = "always";\n}'],
    ["JetStream {\n sync: ALWAYS\n}"],
    ["server_name: jetstream\njetstream { sync_interval: always }"],
    [
      'authorization { users: [ {user: "a}", password: "#"} ] }\njetstream { sync_interval: always } // durable',
    ],
    ["leafnodes { remotes = [ { url: nats://a:b@hub:7422 } ] }\njetstream { sync_interval: always }"],
    ["include users.conf\njetstream { sync_interval: always }"],
    ["jetstream { sync_interval: 2m }\njetstream { sync_interval: always }"],
  ])("always: %s", (text) => {
    expect(readSyncAlways(text)).toBe(true);
  });

  test.each([
    [""],
    ["jetstream: enabled"],
    ["jetstream {}"],
    ["jetstream { sync_interval: 2m }"],
    ["# jetstream { sync_interval: always }"],
    ["jetstream {\n  # sync_interval: always\n}"],
    ["jetstream {\n  // sync_interval: always\n}"],
    ["jetstream {\n  store_dir: /x // sync_interval: always\n}"],
    ['jetstream { store_dir: "sync_interval: always" }'],
    ["sync_interval: always"],
    ["accounts { A { jetstream { sync_interval: always } } }"],
    ["jetstream { limits { sync_interval: always } }"],
    ["jetstream { sync_interval: $SYNC }"],
    ["jetstream { sync: always, sync_interval: 2m }"],
    ["jetstream { sync_interval: always }\njetstream: enabled"],
    ["jetstream { sync_interval: always\n include more.conf }"],
    ["jetstream { sync_interval: always }\ninclude more.conf"],
    ["server_name: 'jetstream { sync_interval: always }'"],
  ])("not known to be always: %s", (text) => {
    expect(readSyncAlways(text)).toBe(false);
  });
});
