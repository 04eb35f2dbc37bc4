import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { decodeEnvelope, type Envelope } from "../../shared/log/schema/envelope.ts";
import { readHeld } from "../../shared/log/state/held.ts";
import { partitionOf, partitionToken, shardNumbers, shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { readDirect } from "../source/direct.ts";
import type { Settlement } from "../lanes/index.ts";
import { runnerIdOf } from "./runner-id.ts";

/** A run's report that waits in the log. */
export type Report = { session: string; seq: number };

/** Which reports of a runner wait. The log itself is read, so that the answer is right after a restart of any process. */
export type Reports = {
  /** The runner's reports that wait. Undefined if too many reports wait to look through them. Throws if the broker does not answer. */
  of(runner: string): Promise<Report[] | undefined>;
  /** Those of the reports that still wait. */
  left(reports: readonly Report[]): Promise<Report[]>;
  /** Resolves to true when no report of the runner waits any more, and to false after `limitMs`. Never rejects. */
  quiet(runner: string, limitMs: number): Promise<boolean>;
};

/** Reports read at once. */
const PAGE = 100;
const PAGE_BYTES: number = 1024 * 1024;
/** Most pages of reports, of all runners, that are looked through in each shard. A runner has a few runs at a time. */
const MOST_PAGES = 20;
/** Most held sessions that are looked through. With more of them it is not known which reports wait, and a leaving runner waits its longest time. */
const MOST_HELD = 100;
/** Between two looks at whether a report is settled. */
const LOOK_MS = 250;

/** The envelope, or undefined if there is none: such a message becomes a dead letter in its lane. */
function reportIn(data: Uint8Array): Envelope | undefined {
  try {
    const envelope = decodeEnvelope(data);
    return envelope.kind === "run" ? envelope : undefined;
  } catch {
    return undefined;
  }
}

/** The runner's reports that match a filter. Undefined if there are too many to look through. */
async function read(
  nc: NatsConnection,
  { filter, from }: { filter: string; from: number },
  runner: string,
): Promise<Report[] | undefined> {
  const found: Report[] = [];
  let next = from;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await readDirect(nc, { filter, from: next, batch: PAGE, maxBytes: PAGE_BYTES });
    if (page === undefined) throw new Error("the log cannot be read");
    const last = page.at(-1);
    if (last === undefined) return found;
    for (const { seq, data } of page) {
      const envelope = reportIn(data);
      if (envelope === undefined || (await runnerIdOf(envelope.body)) !== runner) continue;
      found.push({ session: envelope.session, seq });
    }
    next = last.seq + 1;
  }
  return undefined;
}

export function createReports(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  /** Shards of the log. */
  shardCount: number;
  clock: Clock;
  settlement: Pick<Settlement, "isOver" | "floor">;
}): Reports {
  const { nc, jsm, shardCount, clock, settlement } = deps;

  async function left(reports: readonly Report[]): Promise<Report[]> {
    const over = await Promise.all(reports.map(({ session, seq }) => settlement.isOver(session, seq)));
    return reports.filter((_, i) => over[i] === false);
  }

  async function of(runner: string): Promise<Report[] | undefined> {
    const floors = await Promise.all(shardNumbers(shardCount).map((shard) => settlement.floor(shard)));
    const floorOf = (session: string): number => floors[shardOf(session, shardCount)] ?? 0;
    // events of a held session are acknowledged and may lie below the floor of the shard
    const held = [...(await readHeld(jsm)).values()].filter(({ session, from }) => from <= floorOf(session));
    if (held.length > MOST_HELD) return undefined;
    const places = [
      ...floors.map((floor, shard) => ({
        filter: `rr.*.${partitionToken(shard, shardCount)}.*.*.run`,
        from: floor + 1,
      })),
      ...held.map(({ session, from }) => ({
        filter: `rr.*.${partitionOf(session, shardCount)}.*.${sessionToken(session)}.run`,
        from,
      })),
    ];
    const found = new Map<number, Report>();
    for (const place of places) {
      const reports = await read(nc, place, runner);
      if (reports === undefined) return undefined;
      for (const report of reports) found.set(report.seq, report);
    }
    return left([...found.values()]);
  }

  return {
    of,
    left,
    async quiet(runner, limitMs) {
      const until = clock.now() + limitMs;
      for (let waiting: Report[] | undefined; ;) {
        // the broker may be away for a moment
        waiting = await (waiting === undefined ? of(runner) : left(waiting)).catch(() => undefined);
        if (waiting?.length === 0) return true;
        if (clock.now() >= until) return false;
        await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
      }
    },
  };
}
