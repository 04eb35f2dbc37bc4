import { SHARDS } from "../../support/eight-shards.ts";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { runPrune } from "../../../src/shared/log/prune.ts";
import { readSettlement } from "../../../src/shared/log/state/settlement.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { isCoded } from "../../../src/shared/base/errors.ts";
import { consumerName, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";

const EVENTS = 24;

/** As a broker's kill right after a takeover leaves its consumers now and then: nothing to deliver, everything acknowledged. */
async function claimEverything(broker: TestBroker): Promise<void> {
  const admin = await broker.connect("admin");
  const jsm = await jetstreamManager(admin, { checkAPI: false });
  const { last_seq: last } = (await jsm.streams.info(EVENTS_STREAM)).state;
  for (let shard = 0; shard < SHARDS; shard++) {
    const subject = `$JS.API.CONSUMER.RESET.${EVENTS_STREAM}.${consumerName(shard)}`;
    await admin.request(subject, JSON.stringify({ seq: last + 1 }));
  }
  await broker.kill9();
  await broker.restart();
}

async function consumersOf(
  jsm: JetStreamManager,
): Promise<[pending: number, unacked: number, floor: number]> {
  const sum: [number, number, number] = [0, 0, 0];
  for (let shard = 0; shard < SHARDS; shard++) {
    const info = await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
    sum[0] += info.num_pending;
    sum[1] += info.num_ack_pending;
    sum[2] += info.ack_floor.stream_seq;
  }
  return sum;
}

test("SETTLE-1: a broker that claims after a kill that everything is acknowledged is not believed", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const { append } = createAppender(await broker.connect("gateway"), "before");
  const written: { id: string; session: string; seq: number }[] = [];
  for (let i = 0; i < EVENTS; i++) {
    const session = `ses_${i % 12}`;
    written.push({ session, ...(await append(session)) });
  }
  await claimEverything(broker);

  const operator = await broker.connect("operator");
  const jsm = await jetstreamManager(operator, { checkAPI: false });
  const [pending, unacked, floor] = await consumersOf(jsm);
  expect([pending, unacked]).toEqual([0, 0]);
  expect(floor).toBeGreaterThan(0);
  const settled = await readSettlement(jsm, operator.info?.server_id);
  expect(written.filter(({ session, seq }) => settled(session, seq))).toEqual([]);
  const prune = await broker.connect("prune");
  expect((await runPrune(prune, { retentionMs: 0, clock: systemClock })).removed).toBe(0);

  await using relay = await startTestRelay(broker, coordinator.url);
  const delivered = (): Set<unknown> => new Set(coordinator.writes().map(({ key }) => key));
  await expect.poll(() => delivered().size).toBe(EVENTS);
  expect(coordinator.writes()).toHaveLength(EVENTS);
  expect(relay.fatal).toEqual([]);
});

test("ONCE-1: what was written down is not sent again after a restart of relay and broker", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const { append } = createAppender(await broker.connect("gateway"), "before");
  const relay = await startTestRelay(broker, coordinator.url);
  for (let i = 0; i < EVENTS; i++) await append(`ses_${i % 12}`);
  await expect.poll(() => coordinator.writes().length).toBe(EVENTS);
  await relay.close();
  await broker.kill9();
  await broker.restart();
  await using again = await startTestRelay(broker, coordinator.url);
  const later = createAppender(await broker.connect("gateway"), "later");
  await later.append("ses_0");
  await expect.poll(() => coordinator.writes().length).toBeGreaterThan(EVENTS);
  expect(coordinator.writes()).toHaveLength(EVENTS + 1);
  expect(again.fatal).toEqual([]);
});

test("SETTLE-1: a consumer that is younger than its shard's checkpoint is made anew, not asked in vain to go back", async () => {
  await using broker = await provisioned(await startTestBroker());
  const { append } = createAppender(await broker.connect("gateway"), "before");
  for (let i = 0; i < EVENTS; i++) await append(`ses_${i % 12}`);
  const admin = await broker.connect("admin");
  const jsm = await jetstreamManager(admin, { checkAPI: false });
  for (let shard = 0; shard < SHARDS; shard++) {
    const name = consumerName(shard);
    const { config } = await jsm.consumers.info(EVENTS_STREAM, name);
    await jsm.consumers.delete(EVENTS_STREAM, name);
    await jsm.consumers.add(EVENTS_STREAM, { ...config, opt_start_seq: EVENTS + 1 });
  }
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  {
    await using relay = await startTestRelay(broker, coordinator.url);
    const later = createAppender(await broker.connect("gateway"), "later");
    await later.append("ses_0");
    await expect
      .poll(() => relay.fatal.map((error) => isCoded(error) && error.code))
      .toContain("consumer_differs");
    expect(coordinator.writes()).toEqual([]);
  }
  const { changes } = await provision(admin, { logBytes: 512 * 1024 * 1024 });
  expect(changes).toContain(`consumer ${consumerName(0)} created from sequence 1`);
  await using relay = await startTestRelay(broker, coordinator.url);
  const delivered = (): Set<unknown> => new Set(coordinator.writes().map(({ key }) => key));
  await expect.poll(() => delivered().size).toBe(EVENTS + 1);
  expect(relay.fatal).toEqual([]);
});
