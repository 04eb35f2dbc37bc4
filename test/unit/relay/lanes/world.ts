import { SHARDS } from "../../../support/eight-shards.ts";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import {
  createLanes,
  MAX_WHOLE_BYTES,
  ownConnections,
  type Dispatcher,
  type HeldSessions,
} from "../../../../src/relay/lanes/index.ts";
import type { Attempt } from "../../../../src/relay/coordinator/client.ts";
import type { Entry, Lane } from "../../../../src/relay/lanes/lane.ts";
import type { Source } from "../../../../src/relay/source/source.ts";
import type { LeaderWord, Stored } from "../../../../src/relay/lanes/stored.ts";
import type { Ending, TurnContext, TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { decodeHeld } from "../../../../src/shared/log/state/held.ts";
import { Settled } from "../../../../src/shared/log/state/settled.ts";
import type { Envelope } from "../../../../src/shared/log/schema/envelope.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { scriptedAnswers, scriptedGate, type ScriptedGate } from "./scripted.ts";
import { createFakeClock, promises, type FakeClock } from "../../../support/fake-clock.ts";

/** One turn that was started and waits for its outcome. */
export type Turn = { lane: Lane; entries: Entry[]; probe: boolean; finish(outcome: TurnOutcome): void };

/** Everything around the lanes of a relay, scripted; what breaks an invariant is collected in `broken`. */
export type World = {
  clock: FakeClock;
  dispatcher: Dispatcher;
  held: HeldSessions;
  gate: ScriptedGate;
  turns: Turn[];
  log: { seq: number; session: string }[];
  settled: Map<number, Ending>;
  /** What gateways were told, by event id. */
  told: Map<string, string>;
  /** Pointers of sessions that are being written. */
  holds: { session: string; reason: string; fail(): void }[];
  reads: { session: string; from: number; answer(stored: Stored[] | undefined): void }[];
  /** What the log's leader says when it is asked; by default what is in the log. */
  readLeader(session: string, from: number): LeaderWord;
  verifies: ((allowed: boolean) => void)[];
  broken: string[];
  append(session: string): number;
  /** Delivers the next events of the log as a shard's consumer does. */
  deliver(count: number): void;
  /** A takeover: everything that waits is void and comes again from the first unsettled event on. */
  reset(): void;
  /** What `read` finds in the log. */
  stored(session: string, from: number, most?: number): Stored[];
  /** Ends everything that is under way well, until nothing is left. */
  heal(): Promise<void>;
};

export type WorldOptions = {
  connections?: number;
  batchMax?: number;
  exhaustAfterMs?: number;
  attemptTimeoutMs?: number;
  bytes?: number;
  random?: () => number;
  /** Turns announce an attempt that can be aborted. */
  attempts?: boolean;
};

export function createWorld(options: WorldOptions = {}): World {
  const clock = createFakeClock();
  const bytes = options.bytes ?? 100;
  const log: { seq: number; session: string }[] = [];
  const settled = new Map<number, Ending>();
  const sent = new Set<number>();
  const inFlight = new Map<string, number>();
  let position = 0;
  let deliverySeq = 0;

  const gate = scriptedGate();

  /** The bucket of the relays' memory: writes of it wait for their script. */
  const kv = {
    put: (_key: string, value: Uint8Array) =>
      new Promise<number>((_resolve, reject) => {
        const { session, text } = decodeHeld(value);
        world.holds.push({ session, reason: text, fail: () => reject(new Error("not written")) });
      }),
  } as unknown as KV;

  const lanes = createLanes({
    shardCount: SHARDS,
    nc: {} as NatsConnection,
    jsm: {} as JetStreamManager,
    kv,
    clock,
    random: options.random ?? (() => 0.5),
    log: silentLogger(),
    gate,
    answers: scriptedAnswers((to, what) => world.told.set(to, what)),
    connections: ownConnections(options.connections ?? 4),
    attemptTimeoutMs: options.attemptTimeoutMs ?? 30_000,
    exhaustAfterMs: options.exhaustAfterMs ?? 900_000,
    batchMax: options.batchMax ?? 1,
    holdAbove: undefined,
    lagMs: 0,
    mostWholeBytes: () => MAX_WHOLE_BYTES,
    turn,
    read: (session, from) => new Promise((resolve) => world.reads.push({ session, from, answer: resolve })),
    readLeader: async (session, from) => world.readLeader(session, from),
    settled(entry, how) {
      if (!settled.has(entry.seq)) world.broken.push(`${entry.seq} told as ${how} before its source knew`);
      settled.set(entry.seq, how);
    },
    fence: () => ({ mayForward: () => true, verify: () => Promise.resolve(true), settled: new Settled() }),
    owns: () => true,
    serves: () => true,
    changed() {},
    gap() {},
    foreign() {},
    fatal: (error) => world.broken.push(String(error)),
  });

  const world: World = {
    clock,
    gate,
    turns: [],
    log,
    settled,
    told: new Map(),
    holds: [],
    reads: [],
    readLeader: (session, from) => world.stored(session, from, 1)[0] ?? "none",
    verifies: [],
    broken: [],
    append(session) {
      log.push({ seq: log.length + 1, session });
      return log.length;
    },
    deliver(count) {
      for (let i = 0; i < count && position < log.length; i++) {
        const event = log[position++];
        deliverySeq++;
        if (event === undefined || settled.has(event.seq)) continue;
        if (world.dispatcher.renew(event.session, event.seq, deliverySeq)) continue;
        world.dispatcher.accept(
          event.session,
          event.session,
          0,
          entryOf(event, bytes, source, deliverySeq, clock.now()),
        );
      }
    },
    reset() {
      lanes.clear(0);
      position = 0;
      deliverySeq = 0;
    },
    stored: (session, from, most = 3) =>
      log
        .filter((event) => event.session === session && event.seq >= from)
        .slice(0, most)
        .map((event) => ({
          seq: event.seq,
          envelope: envelopeOf(event),
          data: new Uint8Array(1),
          death: undefined,
        })),
    async heal() {
      world.gate.set("all");
      world.dispatcher.pump();
      for (let i = 0; i < 20 * log.length + 50; i++) {
        for (const started of world.turns.splice(0)) started.finish({ kind: "settled", how: "delivered" });
        for (const read of world.reads.splice(0)) read.answer(world.stored(read.session, read.from));
        for (const verify of world.verifies.splice(0)) verify(true);
        for (const hold of world.holds.splice(0)) hold.fail();
        world.deliver(log.length);
        await clock.pass(60_000);
        if (settled.size === log.length && world.turns.length === 0) return;
      }
    },
    dispatcher: lanes.dispatcher,
    held: lanes.held,
  };

  const source: Source = {
    mayForward: () => true,
    verify: () => new Promise((resolve) => world.verifies.push(resolve)),
    settle(entry) {
      if (settled.has(entry.seq)) world.broken.push(`${entry.seq} settled twice`);
      settled.set(entry.seq, "delivered");
    },
  };

  function turn(lane: Lane, entries: Entry[], context: TurnContext): Promise<TurnOutcome> {
    const { session } = lane;
    const [first] = entries;
    if (first === undefined) throw new Error("a turn without entries");
    if (inFlight.get(session)) world.broken.push(`${session} has two turns at once (ORDER-1)`);
    inFlight.set(session, 1);
    for (const [i, entry] of entries.entries()) {
      if (entry.envelope === undefined) world.broken.push(`${entry.seq} is sent thin`);
      if (settled.has(entry.seq)) world.broken.push(`${entry.seq} is sent though settled (SETTLE-1)`);
      const before = entries[i - 1];
      if (before !== undefined && before.seq >= entry.seq)
        world.broken.push(`${entry.seq} is out of order in its batch`);
      if (!sent.has(entry.seq)) {
        const missing = log.find((e) => e.session === session && e.seq < first.seq && !settled.has(e.seq));
        if (missing)
          world.broken.push(`${entry.seq} is first sent before ${missing.seq} is settled (ORDER-1)`);
      }
      sent.add(entry.seq);
    }
    return new Promise((resolve) => {
      const finish = (outcome: TurnOutcome): void => {
        inFlight.delete(session);
        world.turns = world.turns.filter((other) => other !== started);
        resolve(outcome);
      };
      const started: Turn = { lane, entries, probe: context.probe, finish };
      world.turns.push(started);
      if (options.attempts)
        context.began(attemptOf((cause) => finish({ kind: "retry", reason: cause, counts: true })));
    });
  }

  return world;
}

function attemptOf(aborted: (cause: string) => void): Attempt {
  return { result: new Promise(() => {}), abort: aborted };
}

export function envelopeOf({ seq, session }: { seq: number; session: string }): Envelope {
  return {
    v: 1,
    id: `e${seq}`,
    kind: "event",
    session,
    runner: "r",
    epoch: "1",
    seq,
    at: 0,
    type: "application/json",
    body: new Uint8Array(),
    answer: `to.${seq}`,
  };
}

export function entryOf(
  event: { seq: number; session: string },
  bytes: number,
  source: Source,
  deliverySeq: number,
  arrivedAt: number,
): Entry {
  return {
    seq: event.seq,
    deliverySeq,
    source,
    bytes,
    envelope: envelopeOf(event),
    data: new Uint8Array(1),
    death: undefined,
    stale: false,
    waiting: true,
    arrivedAt,
  };
}

export { promises };
