import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { encodeHeld, readHeld, type HeldReason, type HeldRecord } from "../../shared/log/state/held.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken, textOfToken } from "../../shared/log/schema/session-id.ts";
import { deleteState } from "../../shared/log/state/state-store.ts";
import { countFrom, heldByWeight } from "../../shared/messages/status/backlog.ts";
import { stateKey } from "../../shared/log/schema/topology.ts";
import type { Death } from "../coordinator/dead-letters.ts";
import type { Shard } from "../source/shard.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HeldSessions } from "./held-sessions.ts";
import type { Source } from "../source/source.ts";
import type { Entry, Lane } from "./lane.ts";
import { placesOf } from "./places.ts";
import type { Stored } from "./stored.ts";

/** More waiting events of one session than this are read from the log: a fifth of the window that its shard's sessions share. */
export const HOLD_ABOVE = 20_000;
/** A lane that reads from the log is filled again when it gets shorter than this. */
const REFILL_BELOW = 20;
const RETRY_MS = 500;
/** Most held sessions of a shard that are counted at a takeover: each costs the broker up to 60 ms in the middle of a large log (walk.ts). */
const MOST_COUNTED = 100;

type Held = {
  record: HeldRecord;
  shard: number;
  /** Next sequence to read. */
  cursor: number;
  /** Highest sequence that the consumer delivered and that was left to the log. */
  lastPassed: number;
  /** From this time on (clock.now) a read that finds nothing means that the session has no more events. */
  joinsAt: number;
  /** Events that wait, and their bytes as far as they were seen here: gateways limit the session by them. */
  waiting: number;
  bytes: number;
  /** `from` moved since the record was written. */
  dirty: boolean;
  /** Revision of the record as it was last written here. Undefined if the record was only read. */
  revision: number | undefined;
  /** Resolves when the write under way has ended; never rejects. */
  writing: Promise<void>;
  reading: boolean;
};

export type HeldDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  kv: KV;
  clock: Clock;
  log: Logger;
  dispatcher: Dispatcher;
  read(session: string, from: number): Promise<Stored[] | undefined>;
  /** How far a replica that `read` asks may lag behind, milliseconds; 0 where there is only one. */
  lagMs: number;
  /** The shard's fence and its memory of what is settled, which also hold for entries that are read from the log. */
  fence(shard: number): Pick<Shard, "mayForward" | "verify" | "settled">;
};

/**
 * Sessions whose events wait for long. A durable pointer into the log replaces their place in the consumer: first the pointer is
 * written, then the messages are acked; later they are read from the log by subject, in order, and the session joins the live
 * stream when it has caught up (ORDER-1, BOUND-1). Copying them to another stream broke order (docs/facts.md, "Hot session").
 */
export function createHeldSessions(deps: HeldDeps): HeldSessions {
  const { nc, jsm, kv, clock, log, dispatcher } = deps;
  const held = new Map<string, Held>();
  /** Lowest unsettled sequence of sessions that were held here. Events that this relay saw settled are not read again. */
  const seenFrom = new Map<string, number>();
  /** Sessions that joined the live stream while their consumer, which a crash had set back, was still behind. Events below were sent from the log. */
  const joined = new Map<string, { shard: number; below: number }>();
  /** Pointers that are being written or deleted; a shard is not loaded before they are. */
  const pending = new Set<Promise<void>>();
  /** Sessions whose pointer is being deleted: their lanes stay parked until then. */
  const joining = new Map<string, Promise<void>>();
  /** Lowest unsettled sequence of lanes whose pointer is being written. */
  const holding = new Map<string, number>();
  /** Shards whose held sessions were not counted yet. */
  const uncounted = new Set<number>();
  /** How often each shard was forgotten. Work that began before that is void. */
  const turns = new Map<number, number>();

  /** The source of events that are read here. An event that the consumer delivers later must not be taken for a new one after the session has joined. */
  function source(number: number): Source {
    const shard = deps.fence(number);
    return {
      mayForward: () => shard.mayForward(),
      verify: () => shard.verify(),
      settle: ({ seq }) => shard.settled.settle(seq),
    };
  }

  /** May a pointer be written or deleted? A relay that lost the shard would spoil those of its new owner. */
  async function mayWrite(number: number): Promise<boolean> {
    const shard = deps.fence(number);
    return shard.mayForward() || (await shard.verify());
  }

  function write(record: HeldRecord): Promise<number> {
    return kv.put(stateKey.held(sessionToken(record.session)), encodeHeld(record));
  }

  async function rewrite(state: Held): Promise<void> {
    const written = write(state.record);
    state.writing = written.then(
      (revision) => void (state.revision = revision),
      () => {},
    );
    await written;
  }

  function track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => pending.delete(tracked));
    pending.add(tracked);
    return tracked;
  }

  async function fill(token: string): Promise<void> {
    const state = held.get(token);
    if (state === undefined || state.reading || state.record.reason !== "backlog") return;
    state.reading = true;
    const { session } = state.record;
    const stored = await deps.read(session, state.cursor).catch((error: unknown) => {
      log.error({ session, err: errorText(error) }, "held session cannot be read");
      return undefined;
    });
    state.reading = false;
    if (held.get(token) !== state || state.record.reason !== "backlog") return;
    if (stored === undefined) return void clock.after(RETRY_MS, () => void fill(token));
    if (stored.length === 0) return join(token, state);
    const waiting = new Set(
      dispatcher
        .lane(token)
        ?.entries()
        .map(({ seq }) => seq),
    ); // was in flight when its session was held, and failed
    for (const message of stored) {
      state.cursor = message.seq + 1;
      if (message.seq < state.record.from) continue; // was in flight during a takeover, and ended
      if (waiting.has(message.seq) || dispatcher.renew(token, message.seq, 0)) continue;
      const entry = entryOf(message, source(state.shard));
      if (message.seq === state.record.skip) entry.death = skipped(state.record);
      dispatcher.accept(session, token, state.shard, entry);
    }
    if (dispatcher.open(session, token, state.shard).length < REFILL_BELOW) void fill(token);
  }

  /** Everything was read: the session joins the live stream once none of its events waits and the pointer is deleted. */
  function join(token: string, state: Held): void {
    const lane = dispatcher.open(state.record.session, token, state.shard);
    if (lane.length + lane.inFlight.length > 0) return; // asked again when they are settled
    if (state.lastPassed >= state.cursor) return void clock.after(0, () => void fill(token));
    if (clock.now() < state.joinsAt || !deps.fence(state.shard).mayForward())
      return void clock.after(RETRY_MS, () => void fill(token));
    held.delete(token); // from here on the consumer's deliveries go to the lane, which waits for the pointer's end
    seenFrom.set(token, state.record.from);
    dispatcher.halt(lane);
    const ending = track(unhold(token, state)).finally(() => {
      if (joining.get(token) === ending) joining.delete(token);
    });
    joining.set(token, ending);
  }

  async function unhold(token: string, state: Held): Promise<void> {
    const {
      shard,
      record: { session },
    } = state;
    const turn = turns.get(shard);
    await state.writing; // otherwise the write could bring the pointer back
    for (let gone = false; !gone;) {
      const mine = await mayWrite(shard);
      if (turns.get(shard) !== turn) return; // loaded again, or its new owner's
      try {
        if (mine && state.revision === undefined) {
          await rewrite(state);
          continue;
        }
        // a deletion that arrives late names what was written here, not what a new owner wrote since
        gone = mine && (await deleteState(nc, stateKey.held(token), state.revision ?? 0));
      } catch (error) {
        log.warn({ session, err: errorText(error) }, "the record of a held session could not be deleted yet");
      }
      if (gone) break;
      state.revision = undefined; // it may have changed
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
    joined.set(token, { shard, below: seenFrom.get(token) ?? 0 });
    seenFrom.delete(token);
    joining.delete(token);
    log.info({ session }, "session joins the live stream");
    const lane = dispatcher.lane(token);
    if (lane !== undefined) dispatcher.goOn(lane);
  }

  async function hold(lane: Lane, reason: HeldReason, text: string): Promise<void> {
    await joining.get(lane.token); // the end of the old pointer would end the new one
    const turn = turns.get(lane.shard);
    if (!(await mayWrite(lane.shard))) throw new Error("this relay no longer owns the shard");
    const from = (lane.inFlight[0] ?? lane.peek())?.seq ?? held.get(lane.token)?.record.from;
    if (from === undefined) return;
    const skip = held.get(lane.token)?.record.skip;
    const record: HeldRecord = {
      v: 1,
      session: lane.session,
      from,
      reason,
      text,
      since: clock.wall(),
      ...(skip === undefined ? {} : { skip }),
    };
    holding.set(lane.token, from);
    const revision = await write(record).finally(() => {
      record.from = holding.get(lane.token) ?? from; // some were settled meanwhile
      holding.delete(lane.token);
    });
    if (turns.get(lane.shard) !== turn) return void seenFrom.set(lane.token, record.from); // the relay that loads the shard next finds it
    const known = held.get(lane.token);
    held.set(lane.token, {
      record,
      shard: lane.shard,
      cursor: lane.peek()?.seq ?? record.from,
      lastPassed: Math.max(known?.lastPassed ?? 0, lane.peek(lane.length - 1)?.seq ?? 0),
      joinsAt: known?.joinsAt ?? 0,
      waiting: known?.waiting ?? lane.length,
      bytes: known?.bytes ?? lane.bytes,
      dirty: record.from !== from,
      revision,
      writing: Promise.resolve(),
      reading: false,
    });
    for (const entry of dispatcher.drop(lane)) entry.source.settle(entry);
    log.warn({ session: lane.session, from, reason, text }, "session held");
    void fill(lane.token);
  }

  /** Lets a session go on. Every later write of its record says so too, even if this first one fails. */
  async function release(state: Held, skip: number | undefined): Promise<void> {
    const { record } = state;
    const { reason } = record;
    record.reason = "backlog";
    if (skip !== undefined) record.skip = skip;
    try {
      await rewrite(state);
    } catch (error) {
      record.reason = reason;
      throw error;
    }
    log.info({ session: record.session, reason, skip }, "session released");
  }

  /**
   * Counts in the log what was left to it before, one session after the other, because a session's limit at the gateways must hold through a
   * takeover. What was left to it since then is included.
   */
  async function countLoaded(shard: number): Promise<void> {
    const turn = turns.get(shard);
    const loaded = [...held.values()].filter((state) => state.shard === shard);
    uncounted.add(shard);
    for (const state of loaded.sort((a, b) => heldByWeight(a.record, b.record)).slice(0, MOST_COUNTED)) {
      const { session, from } = state.record;
      for (let events: number | undefined; events === undefined;) {
        events = await countFrom(jsm, session, from).catch(() => undefined);
        if (turns.get(shard) !== turn) return;
        if (events !== undefined) state.waiting = Math.max(state.waiting, events);
        else await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      }
    }
    if (turns.get(shard) === turn) uncounted.delete(shard);
  }

  function forget(shard: number): void {
    turns.set(shard, (turns.get(shard) ?? 0) + 1);
    uncounted.delete(shard);
    for (const [token, state] of held) {
      if (state.shard !== shard) continue;
      seenFrom.set(token, state.record.from);
      held.delete(token);
    }
  }

  return {
    forget,
    async lowestFrom(shard, goesOn) {
      const records = [...(await readHeld(jsm)).values()];
      const due = records.filter((record) => shardOf(record.session) === shard && goesOn(record));
      return due.length === 0 ? undefined : Math.min(...due.map(({ from }) => from));
    },
    async load(shard) {
      await Promise.allSettled(pending);
      forget(shard);
      dispatcher.clearShard(shard);
      const turn = turns.get(shard);
      const records = await readHeld(jsm);
      if (turns.get(shard) !== turn) return;
      for (const record of records.values()) {
        if (shardOf(record.session) !== shard) continue;
        const token = sessionToken(record.session);
        const from = Math.max(record.from, seenFrom.get(token) ?? 0);
        held.set(token, {
          record: { ...record, from },
          shard,
          cursor: from,
          lastPassed: 0,
          joinsAt: clock.now() + deps.lagMs, // this relay does not know what was left to the log before
          waiting: 0,
          bytes: 0,
          dirty: from !== record.from,
          revision: undefined,
          writing: Promise.resolve(),
          reading: false,
        });
        clock.after(RETRY_MS, () => void fill(token)); // after the reset, when the shard may forward
      }
      void countLoaded(shard);
      // what is held knows it now, and what is not any more needs nothing
      for (const token of seenFrom.keys()) if (shardOf(textOfToken(token)) === shard) seenFrom.delete(token);
    },
    takes(token, seq, bytes) {
      const state = held.get(token);
      // what is settled, but a crash forgot it, is passed
      if (state === undefined) return seq < (joined.get(token)?.below ?? 0);
      if (seq < state.record.from) return true;
      state.lastPassed = Math.max(state.lastPassed, seq);
      state.waiting++;
      state.bytes += bytes;
      return true;
    },
    async hold(lane, reason, text) {
      if (lane.holding !== undefined) {
        if (reason === "backlog") return;
        await lane.holding.catch(() => {}); // a head turned out to be poison while its backlog was being held
      }
      const known = held.get(lane.token)?.record.reason;
      if (known !== undefined && (known !== "backlog" || reason === "backlog")) return;
      const work = track(hold(lane, reason, text)).finally(() => (lane.holding = undefined));
      lane.holding = work;
      await work;
    },
    settled(lane, entry) {
      if (held.size + holding.size + seenFrom.size === 0) return;
      const next = lane.inFlight[0] ?? lane.peek(); // of a batch the last may be settled before the first
      const lowest = Math.min(entry.seq + 1, next?.seq ?? Infinity);
      for (const starts of [holding, seenFrom]) {
        const start = starts.get(lane.token);
        if (start !== undefined) starts.set(lane.token, Math.max(start, lowest));
      }
      const state = held.get(lane.token);
      if (state === undefined || entry.seq < state.record.from) return;
      state.record.from = Math.max(state.record.from, lowest);
      state.waiting = Math.max(0, state.waiting - 1);
      state.bytes = Math.max(0, state.bytes - entry.bytes);
      state.dirty = true;
      if (lane.length < REFILL_BELOW) void fill(lane.token);
    },
    async save() {
      for (const [token, { shard, below }] of joined)
        if (deps.fence(shard).settled.floor >= below - 1) joined.delete(token); // the shard remembers that itself
      for (const [token, state] of held) {
        if (!state.dirty || holding.has(token)) continue; // this write would overwrite the one under way
        if (!deps.fence(state.shard).mayForward()) continue;
        state.dirty = false;
        try {
          await rewrite(state);
        } catch (error) {
          state.dirty = true;
          throw error;
        }
      }
    },
    reason: (token) => held.get(token)?.record.reason,
    async resume(token, skip) {
      await dispatcher.lane(token)?.holding?.catch(() => {}); // if holding it failed, it is tried again elsewhere
      const state = held.get(token);
      if (state !== undefined && state.record.reason !== "backlog") {
        if (!(await mayWrite(state.shard))) throw new Error("this relay no longer owns the shard");
        if (held.get(token) !== state) throw new Error("the session is being loaded");
        await track(release(state, skip));
        if (held.get(token) !== state) return; // the relay that loads the shard next finds it
      }
      const lane = dispatcher.lane(token);
      // it failed while the session was being held, or is on its way and may yet fail
      for (const entry of lane === undefined ? [] : [...lane.inFlight, ...lane.entries()]) {
        if (state !== undefined && entry.seq === skip) entry.death = skipped(state.record);
      }
      if (lane !== undefined && !joining.has(token)) dispatcher.goOn(lane);
      void fill(token);
    },
    places: (shard) => placesOf(held.values(), shard),
    isCounted: (shard) => !uncounted.has(shard),
    list: () => [...held.values()].map(({ record, waiting, bytes }) => ({ record, waiting, bytes })),
  };
}

/** The reason of the held session goes into the dead letter, because it says what was wrong with the event. */
function skipped(record: HeldRecord): Death {
  const why = record.text === "" ? "" : `: ${record.text}`;
  return { reason: `skipped by an operator${why}`, attempts: 0, decided: true };
}

function entryOf({ seq, envelope, data, death }: Stored, source: Source): Entry {
  const bytes = data.length;
  return {
    seq,
    deliverySeq: 0,
    source,
    bytes,
    envelope,
    data,
    death,
    stale: false,
    waiting: false,
    arrivedAt: -Infinity,
  };
}
