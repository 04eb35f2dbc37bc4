import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { CONTROL_MS, type RelayControl } from "../../../../src/relay/lanes/control.ts";
import type { Dispatcher } from "../../../../src/relay/lanes/dispatcher.ts";
import type { HeldSessions } from "../../../../src/relay/lanes/held-sessions.ts";
import { createLanes } from "../../../../src/relay/lanes/index.ts";
import type { Entry, Lane } from "../../../../src/relay/lanes/lane.ts";
import type { Stored } from "../../../../src/relay/lanes/stored.ts";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { Settled } from "../../../../src/shared/log/state/settled.ts";
import type { Shard } from "../../../../src/relay/source/shard.ts";
import { encodeEnvelope } from "../../../../src/shared/log/schema/envelope.ts";
import type { ControlRecord } from "../../../../src/shared/log/state/control.ts";
import { decodeHeld } from "../../../../src/shared/log/state/held.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { sessionToken } from "../../../../src/shared/log/schema/session-id.ts";
import { shardOf } from "../../../../src/shared/log/schema/partition.ts";
import { eventSubject } from "../../../../src/shared/log/schema/subjects.ts";
import { stateKey } from "../../../../src/shared/log/schema/topology.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";
import { envelopeOf, scriptedAnswers, scriptedGate } from "./world.ts";

/** Sessions of one shard, so that one consumer delivers them all. */
export const SESSIONS: string[] = Array.from({ length: 200 }, (_, i) => `s${i}`)
  .filter((session) => shardOf(session) === 0)
  .slice(0, 3);

/** How far a replica may lag behind. */
const LAG_MS = 8000;

/** What outlives a relay: the log, the state bucket, the coordinator. */
export type HeldWorld = {
  log: { seq: number; session: string }[];
  /** The bucket: held pointers and operators' wishes by key. */
  bucket: Map<string, Uint8Array>;
  /** Of every key that was ever written, deleted ones too. */
  revisions: Map<string, number>;
  checkpoint: { floor: number; snapshot: Uint8Array };
  /** How long a call of the broker takes, whether it fails, how many events a replica lacks, whether deletes fail or arrive late. */
  broker: { delayMs: number; down: boolean; lag?: number; refuseDeletes?: boolean; deleteDelayMs?: number };
  /** Sessions whose events fail, and events that are poison. */
  sick: Set<string>;
  poison: Set<number>;
  /** How long the coordinator takes for an answer. */
  sendMs: number;
  delivered: Set<number>;
  /** Settled, and whoever comes after a crash may know it. */
  known: Set<number>;
  broken: string[];
  life: Life;
  /** Somebody writes a key, or deletes it. */
  store(key: string, value: Uint8Array | undefined): void;
  append(session: string): void;
  /** An operator's wish; undefined: somebody deletes it. */
  wish(session: string, wish: Pick<ControlRecord, "action" | "skip"> | undefined): void;
  /** kill -9 and a new relay. */
  crash(): Promise<void>;
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

export type HeldWorldOptions = {
  holdAbove: number;
  batchMax: number;
  /** A crash comes right after a save, so that ONCE-1 can be judged: a relay saves twice a second. */
  savedCrashes: boolean;
};

export function createHeldWorld(options: HeldWorldOptions): HeldWorld {
  const world: HeldWorld = {
    log: [],
    bucket: new Map(),
    revisions: new Map(),
    checkpoint: { floor: 0, snapshot: new Uint8Array() },
    broker: { delayMs: 1, down: false },
    sick: new Set(),
    poison: new Set(),
    sendMs: 5,
    delivered: new Set(),
    known: new Set(),
    broken: [],
    append(session) {
      world.log.push({ seq: world.log.length + 1, session });
    },
    wish(session, wish) {
      const record = wish && { v: 1, session, text: "why", at: 0, ...wish };
      store(stateKey.control(session), record && new TextEncoder().encode(JSON.stringify(record)));
    },
    async crash() {
      if (options.savedCrashes) await world.life.save();
      world.life = live(world, options);
      for (const { seq } of world.log) if (!world.known.has(seq)) repeatable.add(seq);
      await world.life.takeOver();
    },
    life: undefined as unknown as Life,
    store: (key, value) => void store(key, value),
  };
  const repeatable = new Set<number>();
  let revision = 0;
  function store(key: string, value: Uint8Array | undefined): number {
    if (value === undefined) world.bucket.delete(key);
    else world.bucket.set(key, value);
    world.revisions.set(key, ++revision);
    return revision;
  }
  world.life = live(world, options);
  return world;

  function live(shared: HeldWorld, { holdAbove, batchMax, savedCrashes }: HeldWorldOptions): Life {
    const clock = createFakeClock();
    const settled = new Settled();
    const settledHere = new Set<number>();
    const sentHere = new Set<number>();
    let active = false;
    let position = 0;
    let deliverySeq = 0;
    /** What was written up to here is known since the takeover. */
    let loaded = 0;

    /** The bucket's calls take their time; half of those that fail have done their work. */
    async function call<T>(work: () => T): Promise<T> {
      const done = shared.broker.down ? undefined : work();
      await new Promise<void>((resolve) => void clock.after(shared.broker.delayMs, resolve));
      if (done === undefined && shared.broker.down) throw new Error("timeout");
      return done ?? work();
    }

    const kv = {
      put: (key: string, value: Uint8Array) => call(() => store(key, value)),
    } as unknown as KV;
    const nc = {
      async request(subject: string, value: Uint8Array, { headers }: { headers: MsgHdrs }) {
        const key = subject.slice("$KV.RR_STATE.".length);
        const deletes = key.startsWith(stateKey.held("")) && headers.has("KV-Operation");
        if (deletes && shared.broker.deleteDelayMs !== undefined)
          await new Promise<void>((resolve) => void clock.after(shared.broker.deleteDelayMs ?? 0, resolve));
        return call(() => {
          if (deletes && shared.broker.refuseDeletes) throw new Error("no");
          const expected = Number(headers.get("Nats-Expected-Last-Subject-Sequence"));
          const same = expected === (shared.revisions.get(key) ?? 0);
          const reply = same
            ? { seq: store(key, headers.has("KV-Operation") ? undefined : value) }
            : { error: { err_code: 10071 } };
          return { json: () => reply };
        });
      },
    } as unknown as NatsConnection;
    const messages = (filter: string): StoredMsg[] =>
      [...shared.revisions]
        .map(([key, seq]) => ({
          seq,
          subject: `$KV.RR_STATE.${key}`,
          data: shared.bucket.get(key) ?? new Uint8Array(),
          header: { has: () => !shared.bucket.has(key) },
          time: new Date(0),
        }))
        .filter(({ subject }) => subject.startsWith(filter.replace(/\*$/, "")))
        .sort((a, b) => a.seq - b.seq) as unknown as StoredMsg[];
    const jsm = {
      direct: {
        getBatch: (_stream: string, { seq, next_by_subj: filter }: { seq: number; next_by_subj: string }) =>
          call(() => messages(filter).filter((message) => message.seq >= seq)).then((found) =>
            (async function* () {
              yield* found;
            })(),
          ),
        getMessage: (_stream: string, { last_by_subj: subject }: { last_by_subj: string }) =>
          call(() => messages(subject).find((message) => message.subject === subject) ?? null),
      },
    } as unknown as JetStreamManager;

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

    const { dispatcher, held, control, deliver, clear, prepare } = createLanes({
      nc,
      jsm,
      kv,
      clock,
      random: () => 0.5,
      log: silentLogger(),
      gate: scriptedGate(),
      answers: scriptedAnswers(() => {}),
      connections: 8,
      attemptTimeoutMs: 30_000,
      exhaustAfterMs: 1e9,
      batchMax,
      holdAbove,
      turn,
      read,
      lagMs: LAG_MS,
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
        next:
          settledNow.length === entries.length ? undefined : { kind: "retry", reason: "500", counts: true },
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
        const before = revision;
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
}

/** An operator lets everything go on; with `skip` without the events in front of parked and paused sessions. */
export function resumeAll(world: HeldWorld, skip = false): void {
  for (const session of SESSIONS) {
    const value = world.bucket.get(stateKey.held(session));
    const record = value && decodeHeld(value);
    const held = record !== undefined && record.reason !== "backlog";
    if (!held && !world.bucket.has(stateKey.control(session))) continue;
    const head = held ? world.log.find((it) => it.session === session && it.seq >= record.from) : undefined;
    world.wish(session, { action: "resume", ...(skip && head !== undefined ? { skip: head.seq } : {}) });
  }
}
