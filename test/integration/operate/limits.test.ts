import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect, nanos, type NatsConnection } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { consumerName, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startPlainServer } from "../../support/plain-server.ts";

const MIB = 1024 * 1024;
const small = { logBytes: 16 * MIB };
const ACCOUNT = { user: "u", pass: "p" };

function account(limits: string): string {
  return `accounts { A { jetstream { max_file: 20G, max_mem: 64M, ${limits} }, users: [{user: u, password: p}] } }`;
}

async function limited(how: {
  limits?: string;
  settings?: string;
}): Promise<{ nc: NatsConnection; jsm: JetStreamManager }> {
  const server = await startPlainServer({ jetstream: true, ...how });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const nc = await connect({ servers: server.url, ...(how.settings === undefined ? {} : ACCOUNT) });
  onTestFinished(() => nc.close());
  return { nc, jsm: await jetstreamManager(nc) };
}

describe("limits that leave enough are used and said", () => {
  test("a shorter duplicate window, again at the next start", async () => {
    const { nc, jsm } = await limited({ limits: 'limits { duplicate_window: "2m" }' });
    for (const _ of ["new", "there"]) {
      const { limits } = await provision(nc, small);
      expect(limits).toEqual([expect.stringContaining("duplicate_window of 2m 0s instead of 1h 0m")]);
      expect((await jsm.streams.info(EVENTS_STREAM)).config.duplicate_window).toBe(nanos(120_000));
    }
    expect((await provision(nc, { ...small, duplicateWindowMs: 60_000 })).limits).toEqual([]);
  });

  test.each([
    ["server", { limits: "limits { max_ack_pending: 10000 }" }],
    ["account", { settings: account("max_ack_pending: 10000") }],
  ])("a smaller max_ack_pending of the %s, again at the next start", async (_, how) => {
    const { nc, jsm } = await limited(how);
    for (const __ of ["new", "there"]) {
      const { limits } = await provision(nc, small);
      expect(limits).toEqual([expect.stringMatching(/max_ack_pending of 10000 .*ISOLATE-1/)]);
      expect((await jsm.consumers.info(EVENTS_STREAM, consumerName(7))).config.max_ack_pending).toBe(10_000);
    }
  });

  test("and given up when there is more: consumers are widened", async () => {
    const { nc, jsm } = await limited({});
    await provision(nc, small);
    await jsm.consumers.update(EVENTS_STREAM, consumerName(3), { max_ack_pending: 1000 });
    const { changes, limits } = await provision(nc, small);
    expect([changes, limits]).toEqual([["consumer relay-3 widened: max_ack_pending"], []]);
    expect((await jsm.consumers.info(EVENTS_STREAM, consumerName(3))).config.max_ack_pending).toBe(100_000);
  });

  test("a log without a configured size fits under the account's limit of a stream", async () => {
    const { nc } = await limited({ settings: account("disk_max_stream_bytes: 1G") });
    const { stream } = await provision(nc);
    expect(stream.maxBytes).toBeLessThanOrEqual(1024 * MIB);
    expect(stream.maxBytes).toBeGreaterThan(256 * MIB);
  });
});

describe("limits that leave too little are named", () => {
  test.each([
    ["max_consumers", { settings: account("max_consumers: 5") }],
    ["max_streams", { settings: account("max_streams: 2") }],
    ["max_file", { settings: account("").replace("20G", "100M") }],
    ["disk_max_stream_bytes", { settings: account("disk_max_stream_bytes: 100M") }],
    ["max_ack_pending", { limits: "limits { max_ack_pending: 100 }" }],
    ["duplicate_window", { limits: 'limits { duplicate_window: "100ms" }' }],
  ])("%s", async (name, how) => {
    const { nc } = await limited(how);
    await expect(provision(nc, small)).rejects.toMatchObject({
      code: "broker_limited",
      message: expect.stringContaining(name),
    });
  });

  test("more copies than there are servers", async () => {
    const { nc } = await limited({});
    await expect(provision(nc, { ...small, replicas: 3 })).rejects.toMatchObject({
      code: "broker_limited",
      message: expect.stringContaining("RUNNER_RELAY_REPLICAS"),
    });
  });
});
