import { SHARDS, eventSubject } from "../../../support/eight-shards.ts";
import { CONTROL_MS, type RelayControl } from "../../../../src/relay/lanes/control.ts";
import type { Dispatcher } from "../../../../src/relay/lanes/dispatcher.ts";
import type { HeldSessions } from "../../../../src/relay/lanes/held-sessions.ts";
import { createLanes, MAX_WHOLE_BYTES, ownConnections } from "../../../../src/relay/lanes/index.ts";
import type { Entry, Lane } from "../../../../src/relay/lanes/lane.ts";
import type { LeaderWord, Stored } from "../../../../src/relay/lanes/stored.ts";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { Settled } from "../../../../src/shared/log/state/settled.ts";
import type { Shard } from "../../../../src/relay/source/shard.ts";
import { encodeEnvelope } from "../../../../src/shared/log/schema/envelope.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { sessionToken } from "../../../../src/shared/log/schema/session-id.ts";
import { stateKey } from "../../../../src/shared/log/schema/topology.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";
import { scriptedAnswers, scriptedGate } from "./scripted.ts";
import { envelopeOf } from "./world.ts";
import type { HeldWorldOptions, Lasting } from "./lasting.ts";
import { stateBucket } from "./state-bucket.ts";

/** How far a replica may lag behind. */
const LAG_MS = 8000;

/** What relays before this one did, and what they wrote. */
export type Past = {
  /** Events that may be sent again, because nobody wrote down that they ended. */
  repeatable: ReadonlySet<number>;
  /** Writes a key of the bucket, or deletes it; the new revision. */
  store(key: string, value: Uint8Array | undefined): number;
  /** The newest revision. */
  revision(): number;
};

/** One relay's time. */
export type Life = {
  clock: FakeClock;
  dispatcher: Dispatcher;
  held: HeldSessions;
  control: RelayControl;
  /** The consumer delivers the next events. */
  deliver(count: number): void;
  /** A takeover by this relay: forget, load, reset. */
  takeOver(): Promise<void>;
  /** The lease ended, nobody knows more yet. */
  lapse(): void;
  /** Another relay is pinned. */
  lose(): void;
  save(): Promise<void>;
};

/** A relay that starts now; with `past`, what is known of the relays before it. */
export function live(shared: Lasting, options: HeldWorldOptions, past: Past): Life {
  const { holdAbove, batchMax, savedCrashes } = options;
  const { repeatable } = past;
  const clock = createFakeClock();
  const settled = new Settled();
  const settledHere = new Set<number>();
  const sentHere = new Set<number>();
  let active = false;
  let position = 0;
  let deliverySeq = 0;
  /** What was written up to here is known since the takeover. */
  let loaded = 0;

  const { nc, kv, jsm, call } = stateBucket(shared, clock, past.store);

  const shard: Shard = {
    shard: 0,
    settled,
    mayForward: () => active,
    verify: () => Promise.resolve(active),
    settle: (entry) => settled.settle(entry.seq),
    pass: (seq) => settled.settle(seq),
    start() {},
    stop: () => Promise.resolve(),
    disconnected() {},
    reconnected() {},
    pinnedPullAt: () => 0,
    beat() {},
    confirm() {},
    save: () => Promise.resolve(),
    status: () => ({
      shard: 0,
      phase: "active",

      behind: false,
      pending: 0,
      floor: 0,
      delivered: 0,
    }),
  };

  const read = async (session: string, from: number): Promise<Stored[] | undefined> => {
    try {
      return await call(() =>
        shared.log
          .slice(0, shared.log.length - (shared.broker.lag ?? 0))
          .filter((event) => event.session === session && event.seq >= from)
          .slice(0, 4)
          .map((event) => ({
            seq: event.seq,
            envelope: envelopeOf(event),
            data: new Uint8Array(1),
            death: undefined,
          })),
      );
    } catch {
      return undefined;
    }
  };

  const readLeader = async (session: string, from: number): Promise<LeaderWord> => {
    try {
      const found = await call(() => shared.log.find((it) => it.session === session && it.seq >= from));
      if (found === undefined) return "none";
      const { seq } = found;
      return { seq, envelope: envelopeOf(found), data: new Uint8Array(1), death: undefined };
    } catch {
      return undefined;
    }
  };

  const { dispatcher, held, control, deliver, clear, prepare } = createLanes({
    shardCount: SHARDS,
    nc,
    jsm,
    kv,
    clock,
    random: () => 0.5,
    log: silentLogger(),
    gate: scriptedGate(),
    answers: scriptedAnswers(() => {}),
    connections: ownConnections(8),
    attemptTimeoutMs: 30_000,
    exhaustAfterMs: 1e9,
    batchMax,
    holdAbove,
    turn,
    read,
    readLeader,
    lagMs: LAG_MS,
    mostWholeBytes: () => MAX_WHOLE_BYTES,
    settled(entry) {
      shared.delivered.add(entry.seq);
      settledHere.add(entry.seq);
    },
    fence: () => shard,
    owns: () => active,
    serves: () => true,
    changed: () => {},
    gap: () => {},
    foreign: () => {},
    fatal: (error) => shared.broken.push(String(error)),
  });

  function isPaused(session: string): boolean {
    const value = shared.bucket.get(stateKey.control(session));
    return value !== undefined && new TextDecoder().decode(value).includes('"pause"');
  }

  async function turn(lane: Lane, entries: Entry[]): Promise<TurnOutcome> {
    if (!active) return { kind: "fenced" };
    const pausedAt = shared.revisions.get(stateKey.control(lane.session)) ?? Infinity;
    if (isPaused(lane.session) && pausedAt <= Math.max(control.inForce(), loaded))
      shared.broken.push(`${entries[0]?.seq} is sent though its session is paused`);
    for (const { seq } of entries) {
      if (savedCrashes && settledHere.has(seq) && !repeatable.has(seq))
        shared.broken.push(`${seq} is sent again though settled here (ONCE-1)`);
      const repeat = shared.delivered.has(seq);
      if (savedCrashes && repeat && !repeatable.has(seq))
        shared.broken.push(`${seq} is sent again though its end was written (ONCE-1)`);
      const first = entries[0]?.seq ?? seq;
      const before = shared.log.find(
        (e) => e.session === lane.session && e.seq < first && !shared.delivered.has(e.seq),
      );
      if (!repeat && !sentHere.has(seq) && before !== undefined)
        shared.broken.push(`${seq} is sent before ${before.seq} ended (ORDER-1)`);
      sentHere.add(seq);
    }
    const decided = entries[0]?.death?.decided; // before it is sent, as a turn looks
    await new Promise<void>((resolve) => void clock.after(shared.sendMs, resolve));
    if (decided) return { kind: "settled", how: "dead" };
    if (shared.sick.has(lane.session)) return { kind: "retry", reason: "503", counts: true };
    const poison = entries.findIndex(({ seq }) => shared.poison.has(seq));
    const good = poison < 0 ? entries.length : poison;
    if (good === 0) return { kind: "park", reason: "422" };
    if (entries.length === 1) return { kind: "settled", how: "delivered" };
    const settledNow = entries.slice(0, Math.min(good, 2));
    return {
      kind: "batch",
      settled: new Map(settledNow.map((entry) => [entry, "delivered" as const])),
      next: settledNow.length === entries.length ? undefined : { kind: "retry", reason: "500", counts: true },
    };
  }

  const tick = (): void => {
    void control
      .tick()
      .catch(() => {})
      .finally(() => void clock.after(CONTROL_MS, tick));
  };
  clock.after(CONTROL_MS, tick);

  return {
    clock,
    dispatcher,
    held,
    control,
    deliver(count) {
      if (!active) return;
      for (let i = 0; i < count && position < shared.log.length; i++) {
        const event = shared.log[position++];
        deliverySeq++;
        if (event === undefined) continue;
        settled.arrived(event.seq);
        if (settled.has(event.seq)) continue;
        deliver(shard, {
          subject: eventSubject("r", event.session, "event"),
          data: encodeEnvelope(envelopeOf(event)),
          seq: event.seq,
          deliverySeq,
          pending: 0,
          storedAt: 0,
          pin: "p",
        });
      }
    },
    async takeOver() {
      active = false;
      clear(0);
      settled.merge(shared.checkpoint);
      let ready = false;
      const before = past.revision();
      const load = async (): Promise<void> => {
        try {
          await prepare(0);
          ready = true;
        } catch {
          clock.after(200, () => void load());
        }
      };
      void load();
      for (let i = 0; !ready; i++) {
        if (i === 20) shared.broker.down = false;
        await clock.pass(100);
      }
      settled.restart();
      position = 0;
      deliverySeq = 0;
      loaded = before;
      active = true;
      dispatcher.pump();
    },
    async save() {
      // while a pointer is being written its session has none, and the first one may be all that a crash leaves
      const ended = shared.log
        .filter(({ seq, session }) => shared.delivered.has(seq) && !held.isChanging(sessionToken(session)))
        .map(({ seq }) => seq);
      const checkpoint = { floor: settled.floor, snapshot: settled.snapshot() };
      if (shared.broker.down) return;
      shared.checkpoint = checkpoint;
      let written = false;
      void held.save().then(
        () => (written = true),
        () => {},
      );
      await clock.pass(100);
      if (written) for (const seq of ended) shared.known.add(seq);
    },
    lapse: () => void (active = false),
    lose() {
      active = false;
      clear(0);
    },
  };
}
