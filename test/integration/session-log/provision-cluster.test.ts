import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
import { startCluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";

const MIB = 1024 * 1024;
const REPLICAS = 3;

test("a log of sessions that servers made beside a stream that they had not heard of yet is there, now and later", async () => {
  await using cluster = await startCluster({ maxFileStore: "4GiB" });
  const admin = await cluster.connect("admin");
  await eventually(() => provision(admin, { replicas: REPLICAS, logBytes: 16 * MIB }), 500);
  const jsm = await jetstreamManager(admin);
  const bytes = 2048 * MIB;
  // The servers hear of each other's streams within moments; the second stream has to come before that.
  const sessions = await eventually(async () => {
    await Promise.allSettled(["OTHER", "RR_SESSIONS"].map((it) => jsm.streams.delete(it)));
    await jsm.streams.add({ name: "OTHER", subjects: ["other"], num_replicas: REPLICAS, max_bytes: bytes });
    return await provisionSessions(admin, { replicas: REPLICAS, isNew: true, bytes });
  });
  expect(sessions).toMatchObject({ kind: "there", maxBytes: bytes });
  // no update of it is taken now
  await expect(jsm.streams.update("RR_SESSIONS", {})).rejects.toMatchObject({ code: 10047 });
  const again = await provisionSessions(admin, { replicas: REPLICAS, isNew: false });
  expect(again).toEqual({ kind: "there", maxBytes: bytes, changes: [] });
});
