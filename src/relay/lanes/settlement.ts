import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import { acksCount, decodeCheckpoint } from "../../shared/log/state/checkpoint.ts";
import { heldUnder } from "../../shared/log/state/held.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { Settled } from "../../shared/log/state/settled.ts";
import { sessionFilter } from "../../shared/log/schema/subjects.ts";
import { consumerName, EVENTS_STREAM, stateKey } from "../../shared/log/schema/topology.ts";
import type { Lane } from "./lane.ts";
import { readDirect } from "../source/direct.ts";
import type { Shard } from "../source/shard.ts";
import { createLeaderReader } from "./stored.ts";

/** Messages read at once to see whether they are settled. */
const PAGE = 100;
const PAGE_BYTES: number = 1024 * 1024;

/** Most pages that are read of a shard that another relay serves. */
const MOST_PAGES = 20;

/** What is settled, whichever relay serves the shard. Throws when the broker does not answer. */
export type Settlement = {
  /** Is the session's event at this sequence over? */
  isOver(session: string, seq: number): Promise<boolean>;
  /** Are all of the session's events over that the log holds? */
  allOver(session: string): Promise<boolean>;
  /** Up to here all of a shard's events are over, but for those of held sessions. */
  floor(shard: number): Promise<number>;
};

type SettlementDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  /** Shards of the log. */
  shardCount: number;
  kv: KV;
  /** Resolves when the log was held against what is remembered of it: numbers that came again mean other events. */
  whole(): Promise<void>;
  /** What this relay knows of a shard, undefined if it does not serve it. */
  settled(shard: number): Settled | undefined;
  /** Does a session of a shard that it serves wait in a lane, and which is the first sequence that was not delivered? */
  here(session: string): { waits: boolean; next: number } | undefined;
};

/** What a relay knows of the shards that it serves. */
export function knownHere(deps: {
  shardCount: number;
  shardOf: (shard: number) => Pick<Shard, "status" | "settled">;
  lane: (session: string) => Lane | undefined;
}): Pick<SettlementDeps, "settled" | "here"> {
  return {
    settled(shard) {
      const it = deps.shardOf(shard);
      return it.status().phase === "active" ? it.settled : undefined;
    },
    here(session) {
      const { phase, delivered } = deps.shardOf(shardOf(session, deps.shardCount)).status();
      if (phase !== "active") return undefined;
      const lane = deps.lane(session);
      return {
        waits: lane !== undefined && lane.length + lane.inFlight.length > 0,
        next: delivered + 1,
      };
    },
  };
}

/** The pointers of held sessions, as the bucket has them. */
function createPointerView({ jsm, kv, shardCount }: Pick<SettlementDeps, "jsm" | "kv" | "shardCount">): {
  /** The session's lowest unsettled sequence; Infinity if it is not held. */
  heldFrom: (session: string) => Promise<number>;
  /** Has a session no event that is held? Its pointer may stand behind the last one for a while. */
  nothingHeld: (session: string) => Promise<boolean>;
} {
  const readLeader = createLeaderReader(jsm, shardCount);
  async function heldFrom(session: string): Promise<number> {
    const key = stateKey.held(sessionToken(session));
    const entry = await kv.get(key);
    if (entry?.operation !== "PUT") return Infinity;
    return heldUnder(key, { value: entry.value, at: entry.created.getTime() }).from;
  }
  return {
    heldFrom,
    async nothingHeld(session) {
      const from = await heldFrom(session);
      return from === Infinity || (await readLeader(session, from, from - 1)) === "none";
    },
  };
}

/**
 * This relay knows at once what it settled itself. For shards that another relay serves it reads the checkpoint, which is at most a quarter of a second old.
 * Events of a held session count as settled and are acked, so its pointer is read after that.
 */
export function createSettlement(deps: SettlementDeps): Settlement {
  const { nc, jsm, shardCount, kv } = deps;
  const { heldFrom, nothingHeld } = createPointerView(deps);

  async function memoryOf(shard: number): Promise<Settled> {
    const own = deps.settled(shard);
    if (own !== undefined) return own;
    const memory = new Settled();
    const entry = await kv.get(stateKey.checkpoint(shard));
    if (entry?.operation !== "PUT") return memory;
    const { floor, settled } = decodeCheckpoint(entry.value);
    memory.merge({ floor, snapshot: settled });
    return memory;
  }

  /** Events that a relay acked, but did not write down before it died, do not come again. No other relay knows of them before the shard's next event. */
  async function ackFloor(shard: number): Promise<number> {
    const entry = await kv.get(stateKey.checkpoint(shard));
    const checkpoint = entry?.operation === "PUT" ? decodeCheckpoint(entry.value) : undefined;
    if (!acksCount(checkpoint, nc.info?.server_id)) return 0;
    const { ack_floor: floor } = await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
    return floor.stream_seq;
  }

  async function allSettled(shard: number, seqs: readonly number[]): Promise<boolean> {
    const memory = await memoryOf(shard);
    const unknown = seqs.filter((seq) => !memory.has(seq));
    return unknown.length === 0 || Math.max(...unknown) <= (await ackFloor(shard));
  }

  return {
    async floor(shard) {
      await deps.whole();
      return (await memoryOf(shard)).floor;
    },
    async isOver(session, seq) {
      await deps.whole();
      return (await allSettled(shardOf(session, shardCount), [seq])) && seq < (await heldFrom(session));
    },
    async allOver(session) {
      await deps.whole();
      const here = deps.here(session);
      if (here?.waits) return false;
      const shard = shardOf(session, shardCount);
      const query = { filter: sessionFilter(session, shardCount), batch: PAGE, maxBytes: PAGE_BYTES };
      let from = here?.next ?? (await memoryOf(shard)).floor + 1;
      for (let pages = 0; pages < MOST_PAGES; pages++) {
        const page = await readDirect(nc, { ...query, from });
        if (page === undefined) throw new Error("the log cannot be read");
        const last = page.at(-1);
        if (last === undefined) return nothingHeld(session);
        const seqs = page.map(({ seq }) => seq);
        if (!(await allSettled(shard, seqs))) return false;
        from = last.seq + 1;
      }
      return false; // a stuck event keeps the floor far below; the relay that serves the shard would know
    },
  };
}
