import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../shared/base/clock.ts";
import { readDamages, type Damage, type DamageCode } from "../../shared/log/state/damage.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { DEAD_STREAM, EVENTS_STREAM, shardSubjects } from "../../shared/log/schema/topology.ts";
import type { HeldSessions } from "../lanes/index.ts";
import type { Shard } from "../source/shard.ts";

/** How long a scrape waits for the broker. Then it shows the previous reading. */
const READ_MS = 1000;

/** The broker's figures of the log, for metrics. */
export type LogReading = {
  events: number;
  bytes: number;
  maxBytes: number;
  deadLetters: number;
  /** Missing messages, by the kind of damage. */
  damaged: Map<DamageCode, number>;
  /** Time of storage (wall clock) of the oldest event that this relay still has to send. Undefined if there is none. */
  oldestAt: number | undefined;
};

/** Figures of the log that this relay does not keep in memory. */
export type LogReader = {
  /** Reads the figures when metrics are requested. Undefined if nothing is known yet. */
  read(): Promise<LogReading | undefined>;
};

type Unsettled = { shard: number; from: number };

function missingOf(damages: readonly Damage[]): Map<DamageCode, number> {
  const missing = new Map<DamageCode, number>();
  for (const { code, missing: count } of damages) missing.set(code, (missing.get(code) ?? 0) + count);
  return missing;
}

/** Limits the number of requests, however many sessions are held. Pure. */
function lowestOfEach(all: readonly Unsettled[]): Unsettled[] {
  const lowest = new Map<number, number>();
  for (const { shard, from } of all) lowest.set(shard, Math.min(from, lowest.get(shard) ?? Infinity));
  return [...lowest].map(([shard, from]) => ({ shard, from }));
}

/** When the first event of a shard from a sequence on was stored, wall clock; `Infinity` for none. */
async function storedAt(
  jsm: JetStreamManager,
  { shard, from }: Unsettled,
  shardCount: number,
): Promise<number> {
  const [subject = ""] = shardSubjects(shard, shardCount);
  try {
    const found = await jsm.direct.getMessage(EVENTS_STREAM, { seq: from, next_by_subj: subject });
    return found?.time.getTime() ?? Infinity;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === 404) return Infinity; // no events are left
    throw error;
  }
}

function activeOf(shards: readonly Pick<Shard, "status">[]): ReturnType<Shard["status"]>[] {
  return shards.map((shard) => shard.status()).filter(({ phase }) => phase === "active");
}

/** Costs two info requests, plus direct gets for each shard's floor and for the lowest event of its held sessions, which may be below the floor. */
export function createLogReading(deps: {
  jsm: JetStreamManager;
  clock: Clock;
  connected: () => boolean;
  shardCount: number;
  shards: () => readonly Pick<Shard, "status">[];
  held: HeldSessions["list"];
}): LogReader {
  const { jsm, shardCount, clock } = deps;
  let last: LogReading | undefined;

  async function ask(): Promise<LogReading> {
    const held = deps.held().map(({ record: { session, from } }) => ({
      shard: shardOf(session, shardCount),
      from,
    }));
    const floors = activeOf(deps.shards()).map(({ shard, floor }) => ({ shard, from: floor + 1 }));
    const [log, dead, damages, ...stored] = await Promise.all([
      jsm.streams.info(EVENTS_STREAM),
      jsm.streams.info(DEAD_STREAM),
      readDamages(jsm),
      ...[...floors, ...lowestOfEach(held)].map((one) => storedAt(jsm, one, shardCount)),
    ]);
    const oldest = Math.min(...stored);
    return {
      events: log.state.messages,
      bytes: log.state.bytes,
      maxBytes: log.config.max_bytes,
      deadLetters: dead.state.messages,
      damaged: missingOf(damages),
      oldestAt: oldest === Infinity ? undefined : oldest,
    };
  }

  return {
    async read() {
      if (!deps.connected()) return last; // during an outage the unsettled events get older, but do not disappear
      const enough = new Promise<undefined>((resolve) => void clock.after(READ_MS, () => resolve(undefined)));
      last = (await Promise.race([ask().catch(() => undefined), enough])) ?? last;
      return last;
    },
  };
}

/** What a relay knows of the events that it has to settle. */
export type Unread = {
  shards: () => readonly Pick<Shard, "status">[];
  held: HeldSessions["list"];
  /** Pending events in a session's lane. */
  inLane: (session: string) => number;
};

/** Events of a relay's shards and held sessions that are not in a lane. */
export function unreadOf({ shards, held, inLane }: Unread): number {
  const ahead = activeOf(shards()).reduce((sum, { pending }) => sum + pending, 0);
  return held().reduce(
    (sum, { record, waiting }) => sum + Math.max(0, waiting - inLane(record.session)),
    ahead,
  );
}
