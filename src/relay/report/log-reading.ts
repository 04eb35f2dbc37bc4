import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../shared/base/clock.ts";
import { readDamages, type Damage, type DamageCode } from "../../shared/log/state/damage.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { DEAD_STREAM, EVENTS_STREAM, shardSubjects } from "../../shared/log/schema/topology.ts";
import type { HeldSessions } from "../lanes/index.ts";
import type { Shard } from "../source/shard.ts";

/** A scrape waits no longer than this for the broker, and then shows what was read before. */
const READ_MS = 1000;

/** What the broker knows of the log, for metrics. */
export type LogReading = {
  events: number;
  bytes: number;
  maxBytes: number;
  deadLetters: number;
  /** Messages that were found to be gone, by what was found. */
  damaged: Map<DamageCode, number>;
  /** When the oldest event was stored that this relay still has to send, wall clock; undefined for none. */
  oldestAt: number | undefined;
};

/** What is known of the log beyond what this relay keeps in memory. */
export type LogReader = {
  /** Reads it when metrics are asked for; undefined: nothing is known yet. */
  read(): Promise<LogReading | undefined>;
  /** Events of this relay's shards and held sessions that are in no lane. */
  unread(): number;
};

type Unsettled = { shard: number; from: number };

function missingOf(damages: readonly Damage[]): Map<DamageCode, number> {
  const missing = new Map<DamageCode, number>();
  for (const { code, missing: count } of damages) missing.set(code, (missing.get(code) ?? 0) + count);
  return missing;
}

/** Ten thousand held sessions are not ten thousand questions. Pure. */
function lowestOfEach(all: readonly Unsettled[]): Unsettled[] {
  const lowest = new Map<number, number>();
  for (const { shard, from } of all) lowest.set(shard, Math.min(from, lowest.get(shard) ?? Infinity));
  return [...lowest].map(([shard, from]) => ({ shard, from }));
}

/** Two infos, and a direct get for each shard's floor and for the lowest of its held sessions, which the floor passes. */
export function createLogReading(deps: {
  jsm: JetStreamManager;
  clock: Clock;
  connected: () => boolean;
  shards: () => readonly Pick<Shard, "status">[];
  held: HeldSessions["list"];
  /** Waiting events of a session's lane. */
  inLane: (session: string) => number;
}): LogReader {
  const { jsm, clock } = deps;
  let last: LogReading | undefined;

  function active(): ReturnType<Shard["status"]>[] {
    return deps
      .shards()
      .map((shard) => shard.status())
      .filter(({ phase }) => phase === "active");
  }

  async function storedAt({ shard, from }: Unsettled): Promise<number> {
    const [subject = ""] = shardSubjects(shard);
    try {
      const found = await jsm.direct.getMessage(EVENTS_STREAM, { seq: from, next_by_subj: subject });
      return found?.time.getTime() ?? Infinity;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === 404) return Infinity; // nothing is left
      throw error;
    }
  }

  async function ask(): Promise<LogReading> {
    const held = deps.held().map(({ record }) => ({ shard: shardOf(record.session), from: record.from }));
    const floors = active().map(({ shard, floor }) => ({ shard, from: floor + 1 }));
    const [log, dead, damages, ...stored] = await Promise.all([
      jsm.streams.info(EVENTS_STREAM),
      jsm.streams.info(DEAD_STREAM),
      readDamages(jsm),
      ...[...floors, ...lowestOfEach(held)].map(storedAt),
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
      if (!deps.connected()) return last; // an outage makes what is unsettled older, not gone
      const enough = new Promise<undefined>((resolve) => void clock.after(READ_MS, () => resolve(undefined)));
      last = (await Promise.race([ask().catch(() => undefined), enough])) ?? last;
      return last;
    },
    unread() {
      const ahead = active().reduce((sum, { pending }) => sum + pending, 0);
      return deps
        .held()
        .reduce(
          (sum, { record, waiting }) => sum + Math.max(0, waiting - deps.inLane(record.session)),
          ahead,
        );
    },
  };
}
