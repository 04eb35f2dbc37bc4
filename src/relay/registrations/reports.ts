import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { decodeEnvelope, type Envelope } from "../../shared/log/schema/envelope.ts";
import { readHeld } from "../../shared/log/state/held.ts";
import { SHARDS, shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { readDirect } from "../source/direct.ts";
import type { Settlement } from "../report/settlement.ts";
import { runnerIdOf } from "./runner-id.ts";

/** A run's report that waits in the log. */
export type Report = { session: string; seq: number };

/** Which reports of a runner wait. The log itself is asked, so that it is right after a restart of anybody. */
export type Reports = {
  /** Undefined: so many reports wait that nobody can say. Throws when the broker does not answer. */
  of(runner: string): Promise<Report[] | undefined>;
  /** Which of them wait still. */
  left(reports: readonly Report[]): Promise<Report[]>;
  /** Resolves true when none waits any more, false when `limitMs` is over. Never rejects. */
  quiet(runner: string, limitMs: number): Promise<boolean>;
};

/** Reports read at once. */
const PAGE = 100;
const PAGE_BYTES: number = 1024 * 1024;
/** A runner has a few runs at a time; so many reports of all runners are looked through in each shard. */
const MOST_PAGES = 20;
/** Held sessions that are looked into: those beyond are looked for in vain, and a runner that leaves waits its longest time. */
const MOST_HELD = 100;
/** Between two looks whether a report is settled. */
const LOOK_MS = 250;

export function createReports(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  settlement: Pick<Settlement, "isOver" | "floor">;
}): Reports {
  const { nc, jsm, clock, settlement } = deps;

  /** Reports that match a filter, of this runner; undefined: there are too many. */
  async function read(filter: string, from: number, runner: string): Promise<Report[] | undefined> {
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

  async function left(reports: readonly Report[]): Promise<Report[]> {
    const over = await Promise.all(reports.map(({ session, seq }) => settlement.isOver(session, seq)));
    return reports.filter((_, i) => over[i] === false);
  }

  async function of(runner: string): Promise<Report[] | undefined> {
    const floors = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => settlement.floor(shard)));
    const floorOf = (session: string): number => floors[shardOf(session)] ?? 0;
    // a held session's events are acked, and lie below the floor of its shard
    const held = [...(await readHeld(jsm)).values()].filter(({ session, from }) => from <= floorOf(session));
    if (held.length > MOST_HELD) return undefined;
    const places = [
      ...floors.map((floor, shard) => ({ filter: `rr.*.${shard}.*.*.run`, from: floor + 1 })),
      ...held.map(({ session, from }) => ({
        filter: `rr.*.${shardOf(session)}.*.${sessionToken(session)}.run`,
        from,
      })),
    ];
    const found = new Map<number, Report>();
    for (const { filter, from } of places) {
      const reports = await read(filter, from, runner);
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

/** Undefined for what is no envelope: it becomes a dead letter by itself. */
function reportIn(data: Uint8Array): Envelope | undefined {
  try {
    const envelope = decodeEnvelope(data);
    return envelope.kind === "run" ? envelope : undefined;
  } catch {
    return undefined;
  }
}
