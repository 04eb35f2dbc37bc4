import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { Clock } from "../../shared/clock.ts";
import { errorText } from "../../shared/errors.ts";
import { decodeHeld, encodeHeld, type HeldReason, type HeldRecord } from "../../shared/held.ts";
import type { Logger } from "../../shared/logger.ts";
import { partitionOf, shardOf } from "../../shared/partition.ts";
import { sessionToken } from "../../shared/session-id.ts";
import { readStates } from "../../shared/state-store.ts";
import { stateKey } from "../../shared/topology.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Entry, Lane, Source } from "./lane.ts";
import type { Stored } from "./stored.ts";

/** More waiting events of one session than this are read from the log, so that they do not fill the consumer's window for others. */
export const OVERFLOW = 20_000;
/** A lane that reads from the log is filled again when it gets shorter than this. */
const REFILL_BELOW = 20;
const RETRY_MS = 500;

type Held = {
  record: HeldRecord;
  /** Next sequence to read. */
  cursor: number;
  /** Highest sequence that the consumer delivered and that was passed by. */
  lastPassed: number;
  /** Events that were passed since we know of it, for display. */
  waiting: number;
  /** `from` moved since the record was written. */
  dirty: boolean;
  reading: boolean;
};

export type HeldDeps = {
  jsm: JetStreamManager;
  kv: KV;
  clock: Clock;
  log: Logger;
  dispatcher: Dispatcher;
  read(session: string, from: number): Promise<Stored[] | undefined>;
  /** The shard's fence and lease; entries read from the log are sent under it too. */
  fence(shard: number): Pick<Source, "mayForward" | "verify">;
};

export type HeldSessions = {
  /** Reads the held sessions of a shard; before its consumer is reset. */
  load(shard: number): Promise<void>;
  /** True if the event is left to the log: it must be acked and passed. */
  takes(token: string, seq: number): boolean;
  /** Makes it durable that the log keeps the lane's events from its head on, then passes what waits in the lane. */
  hold(lane: Lane, reason: HeldReason, text: string): Promise<void>;
  /** To be called when an entry of the lane was settled. */
  settled(lane: Lane): void;
  /** Writes what moved. */
  save(): Promise<void>;
  list(): { record: HeldRecord; waiting: number }[];
};

/**
 * Sessions whose events wait for long. A durable pointer into the log replaces their place in the consumer: first the pointer is
 * written, then the messages are acked; later they are read from the log by subject, in order, and the session joins the live
 * stream when it has caught up (ORDER-1, BOUND-1). Copying them to another stream broke order (jetstream facts, "Hot session").
 */
export function createHeldSessions(deps: HeldDeps): HeldSessions {
  const { jsm, kv, clock, log, dispatcher } = deps;
  const held = new Map<string, Held>();

  function source(shard: number, token: string): Source {
    const fence = deps.fence(shard);
    return {
      mayForward: () => fence.mayForward(),
      verify: () => fence.verify(),
      settle(entry) {
        const state = held.get(token);
        if (state === undefined || entry.seq < state.record.from) return;
        state.record.from = entry.seq + 1;
        state.waiting = Math.max(0, state.waiting - 1);
        state.dirty = true;
      },
    };
  }

  async function write(record: HeldRecord): Promise<void> {
    await kv.put(stateKey.held(sessionToken(record.session)), encodeHeld(record));
  }

  async function fill(token: string, shard: number): Promise<void> {
    const state = held.get(token);
    if (state === undefined || state.reading || state.record.reason !== "backlog") return;
    state.reading = true;
    try {
      const { session } = state.record;
      const stored = await deps.read(session, state.cursor);
      if (held.get(token) !== state) return;
      if (stored === undefined) return void clock.after(RETRY_MS, () => void fill(token, shard));
      if (stored.length === 0) return await join(token, state);
      for (const { seq, envelope, data, death } of stored) {
        state.cursor = seq + 1;
        if (dispatcher.renew(token, seq, 0)) continue;
        const entry: Entry = {
          seq,
          deliverySeq: 0,
          source: source(shard, token),
          bytes: data.length,
          envelope,
          data,
          death,
          stale: false,
          waiting: false,
          arrivedAt: -Infinity,
        };
        dispatcher.accept(session, token, shard, entry);
      }
    } finally {
      state.reading = false;
    }
  }

  /** Everything was read: back to the live stream, once nothing of it waits and the pointer is gone. */
  async function join(token: string, state: Held): Promise<void> {
    const lane = dispatcher.lane(token);
    if (lane !== undefined && lane.length + lane.inFlight.length > 0) return; // asked again when they are settled
    if (state.lastPassed >= state.cursor)
      return void clock.after(0, () => void fill(token, lane?.shard ?? shardOfToken(state)));
    held.delete(token); // from here on the consumer's deliveries go to the lane
    if (lane !== undefined) dispatcher.park(lane);
    for (;;) {
      try {
        await kv.delete(stateKey.held(token));
        break;
      } catch (error) {
        log.warn({ session: state.record.session, err: errorText(error) }, "held record not yet deleted");
        await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      }
    }
    log.info({ session: state.record.session }, "session joins the live stream");
    const after = dispatcher.lane(token);
    if (after !== undefined) dispatcher.unpark(after);
  }

  return {
    async load(shard) {
      for (const { value } of (await readStates(jsm, stateKey.held("*"))).values()) {
        const record = decodeHeld(value);
        if (shardOf(partitionOf(record.session)) !== shard) continue;
        const token = sessionToken(record.session);
        const known = held.get(token);
        const from = Math.max(record.from, known?.record.from ?? 0); // what this relay saw settled is not read again
        held.set(token, {
          record: { ...record, from },
          cursor: from,
          lastPassed: 0,
          waiting: known?.waiting ?? 0,
          dirty: false,
          reading: false,
        });
        // after the reset, when the shard may forward
        clock.after(RETRY_MS, () => void fill(token, shard));
      }
    },
    takes(token, seq) {
      const state = held.get(token);
      if (state === undefined || seq < state.record.from) return false;
      state.lastPassed = Math.max(state.lastPassed, seq);
      state.waiting++;
      return true;
    },
    async hold(lane, reason, text) {
      const head = lane.peek();
      if (head === undefined || held.has(lane.token)) return;
      const record: HeldRecord = {
        v: 1,
        session: lane.session,
        from: head.seq,
        reason,
        text,
        since: clock.wall(),
      };
      await write(record);
      const first = lane.peek();
      const from = first === undefined ? record.from : Math.max(record.from, first.seq);
      held.set(lane.token, {
        record: { ...record, from },
        cursor: from,
        lastPassed: 0,
        waiting: lane.length,
        dirty: from !== record.from,
        reading: false,
      });
      for (const entry of dispatcher.drop(lane)) entry.source.settle(entry);
      log.warn({ session: lane.session, from, reason, text }, "session held");
      void fill(lane.token, lane.shard);
    },
    settled(lane) {
      if (held.size > 0 && lane.length < REFILL_BELOW && held.has(lane.token))
        void fill(lane.token, lane.shard);
    },
    async save() {
      for (const state of held.values()) {
        if (!state.dirty) continue;
        state.dirty = false;
        try {
          await write(state.record);
        } catch (error) {
          state.dirty = true;
          throw error;
        }
      }
    },
    list: () => [...held.values()].map(({ record, waiting }) => ({ record, waiting })),
  };
}

function shardOfToken(state: Held): number {
  return shardOf(partitionOf(state.record.session));
}
