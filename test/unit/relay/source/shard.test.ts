import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { createShard, type Shard } from "../../../../src/relay/source/shard.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { PRIORITY_GROUP } from "../../../../src/shared/log/schema/topology.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

/** In front of an empty payload, as it comes from the socket. */
const HEAD = Buffer.from("NATS/1.0\r\nNats-Pin-Id: p\r\n\r\n");

type Stage = {
  clock: FakeClock;
  shard: Shard;
  /** What the broker was asked for. */
  asked: string[];
  /** Whose pin it is; at first ours. */
  owner: string;
  /** The broker's process. */
  broker: string;
  /** Whose acks each checkpoint says to be ours. */
  saved: (string | undefined)[];
  /** What is on its way at a hand-over. */
  posted: Promise<void>;
  /** Happens between a takeover's questions. */
  meanwhile(): void;
  pinned(): void;
};

/** A shard of an idle consumer, and a broker that pins it. */
function stage(): Stage {
  const clock = createFakeClock();
  let inbox: (error: Error | null, msg: Msg) => void = () => {};
  let reply = "";
  const nc = {
    isClosed: () => false,
    get info() {
      return { server_id: it.broker, jetstream: true };
    },
    subscribe(_subject: string, { callback }: { callback: typeof inbox }) {
      inbox = callback;
      return { unsubscribe() {} };
    },
    publish(_subject: string, _payload: string, options?: { reply: string }) {
      reply = options?.reply ?? reply;
    },
    flush: () => Promise.resolve(),
    request(subject: string) {
      it.asked.push(subject.split(".")[3] ?? "");
      const group = { group: PRIORITY_GROUP, pinned_client_id: it.owner };
      return Promise.resolve({ json: () => ({ priority_groups: [group] }) });
    },
  } as unknown as NatsConnection;
  const shard = createShard({
    elsewhere: false,
    nc,
    clock,
    log: silentLogger(),
    process: "r-1",
    shard: 0,
    passedOver() {},
    heldPlaces: () => [],
    checkpoints: {
      load: () => Promise.resolve(true),
      save: async (_, { broker }) => void it.saved.push(broker),
    },
    whole: () => Promise.resolve(),
    deliver() {},
    clear() {},
    heldFrom: () => Promise.resolve(undefined),
    room: () => true,
    prepare: async () => it.meanwhile(),
    posted: () => it.posted,
    fatal(error) {
      throw error;
    },
  });
  const it: Stage = {
    clock,
    shard,
    asked: [],
    owner: "p",
    broker: "first",
    saved: [],
    posted: Promise.resolve(),
    meanwhile() {},
    pinned: () =>
      inbox(null, {
        subject: "rr.ev.0.r.s.event",
        data: HEAD.subarray(HEAD.length),
        reply: "$JS.ACK.RR_EVENTS.relay-0.1.1.1.0.0",
      } as unknown as Msg),
  };
  return it;
}

test("ORDER-1: a question before the takeover is not the answer for ever: a lease that lapsed begins again", async () => {
  const { clock, shard, pinned } = stage();
  shard.start();
  expect(await shard.verify()).toBe(false);
  pinned();
  await clock.pass(10);
  expect(shard.mayForward()).toBe(true);
  await clock.pass(10_000); // nobody confirmed a pull: a process that was stopped and continued
  expect(shard.mayForward()).toBe(false);
  expect(await shard.verify()).toBe(true);
});

test("ORDER-1: after a suspension, which only the wall clock shows, the broker is asked, and only a pull of after it begins a lease", async () => {
  const { clock, shard, pinned } = stage();
  shard.start();
  pinned();
  await clock.pass(100);
  shard.beat();
  expect(shard.mayForward()).toBe(true);
  clock.setWall(clock.wall() + 60_000);
  expect(shard.mayForward(), "its monotonic clock says that the last pull was just sent").toBe(false);
  const early = shard.verify();
  await clock.pass(300);
  expect(await early, "the broker may give the pin away at any moment").toBe(false);
  await clock.pass(3000); // a pull that the broker does not answer is sent again
  shard.beat();
  expect(await shard.verify()).toBe(true);
  clock.setWall(clock.wall() - 60_000);
  expect(shard.mayForward(), "a clock that was set back shows nothing").toBe(true);
});

test("a hand-over ends our pin, not the one that the broker gave another relay while it took too long", async () => {
  for (const [owner, unpinned] of [
    ["p", true],
    ["somebody", false],
  ] as const) {
    const it = stage();
    it.shard.start();
    it.pinned();
    await it.clock.pass(10);
    it.owner = owner;
    await it.shard.stop(true);
    expect(it.asked.includes("UNPIN")).toBe(unpinned);
  }
});

test("SETTLE-1: a checkpoint names the broker's process whose acks are ours, not one that was started during a hand-over", async () => {
  const it = stage();
  const { promise, resolve } = Promise.withResolvers<void>();
  it.shard.start();
  it.pinned();
  await it.clock.pass(10);
  await it.shard.save();
  it.posted = promise;
  const stopped = it.shard.stop(true);
  it.shard.disconnected();
  it.broker = "second";
  it.shard.reconnected();
  resolve();
  await stopped;
  expect(it.saved).toEqual(["first", "first"]);
});

test("SETTLE-1: while it is open whether the broker was started meanwhile, no process is named", async () => {
  const it = stage();
  it.shard.start();
  it.meanwhile = () => (it.broker = "second");
  it.pinned();
  await it.clock.pass(10);
  await it.shard.save();
  expect(it.saved).toEqual([undefined]);
});
