import { JetStreamApiError, type ConsumerInfo, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { acksCount } from "../../shared/log/state/checkpoint.ts";
import type { Clock } from "../../shared/base/clock.ts";
import type { LogCheck } from "../../shared/log/state/log-check.ts";
import { isIdle } from "../../shared/log/state/idle.ts";
import { rangesOf, without, type Range } from "../../shared/log/state/ranges.ts";
import { EVERYTHING } from "../../shared/log/schema/subjects.ts";
import { consumerName, EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { apiFailure } from "./api.ts";
import { readDirect, type LogMessage } from "./direct.ts";

/** Events that are looked at after a start or reconnect, oldest first: some seconds beside the forwarding. Losses beyond them show as gaps of their sessions. */
const MOST_SCRUBBED = 50_000;
const PAGE = 500;
const PAGE_BYTES: number = 1024 * 1024;
/** Between two pages: live events go first. */
const PAUSE_MS = 20;

/** The part of the log that still has to be sent. */
export type Unsettled = { from: number; to: number };

/** Throws `consumer_missing`: a relay that ran without one would wait for ever. */
async function consumerOf(jsm: JetStreamManager, name: string): Promise<ConsumerInfo> {
  try {
    return await jsm.consumers.info(EVENTS_STREAM, name);
  } catch (error) {
    throw error instanceof JetStreamApiError ? apiFailure(error.apiError(), name) : error;
  }
}

/**
 * Lowest sequence that no shard has settled, up to the log's end. A shard that has nothing to deliver has settled everything, whatever its floor says. To be
 * asked before anything is delivered: what cannot be read is passed over then.
 */
export async function unsettledOf(
  { nc, jsm }: { nc: NatsConnection; jsm: JetStreamManager },
  { log, checkpoints }: LogCheck,
): Promise<Unsettled> {
  const { first_seq: first, last_seq: to } = log.state;
  const floors = await Promise.all(
    checkpoints.map(async (known, shard) => {
      const consumer = await consumerOf(jsm, consumerName(shard));
      const floor = known?.settled.floor ?? 0;
      const counts = acksCount(known?.checkpoint, nc.info?.server_id);
      return isIdle(consumer, { floor, firstSeq: first, acksCount: counts }) ? Infinity : floor;
    }),
  );
  return { from: Math.max(first, Math.min(...floors) + 1), to };
}

/** Numbers of a page that are not there, from the one that was asked for on. Pure. */
export function absentIn(page: readonly Pick<LogMessage, "seq">[], from: number, to: number): Range[] {
  const there = page.map(({ seq }): Range => [seq, seq]);
  const end = page.length === 0 ? to : Math.min(to, page.at(-1)?.seq ?? to);
  return end < from ? [] : without([[from, end]], there);
}

/** The next events from a number on; undefined: the log cannot be read now. */
export function readPage(nc: NatsConnection, from: number): Promise<LogMessage[] | undefined> {
  return readDirect(nc, { from, filter: EVERYTHING, batch: PAGE, maxBytes: PAGE_BYTES });
}

export type ScrubDeps = {
  /** The next events; undefined if the broker does not answer. */
  read(from: number): Promise<readonly Pick<LogMessage, "seq">[] | undefined>;
  /** Is this event there? Throws if the broker does not answer. */
  has(seq: number): Promise<boolean>;
  /** Number of the first event that the log holds now. */
  first(): Promise<number>;
  clock: Pick<Clock, "after">;
  goesOn: () => boolean;
  /** How far a replica that is asked may lag behind, milliseconds; 0 where there is only one. */
  lagMs: number;
};

function pause(clock: Pick<Clock, "after">, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

/** What is known about the numbers below `next`. */
type Step = { absent: Range[]; next: number };

/**
 * Reads on from a number. A broker that cannot count what follows gives no answer to the question for a page (2.15.1); then each number is asked for. Throws if
 * nothing answers.
 */
async function readOn(deps: ScrubDeps, from: number, to: number): Promise<Step> {
  const page = await deps.read(from);
  if (page !== undefined) return { absent: absentIn(page, from, to), next: (page.at(-1)?.seq ?? to) + 1 };
  const end = Math.min(to, from + PAGE - 1);
  const there: Range[] = [];
  for (let seq = from; seq <= end && deps.goesOn(); seq++) if (await deps.has(seq)) there.push([seq, seq]);
  return { absent: without([[from, end]], there), next: end + 1 };
}

async function absentBetween(deps: ScrubDeps, from: number, to: number): Promise<Range[] | undefined> {
  const absent: Range[] = [];
  for (let next = from; next <= to;) {
    const step = await readOn(deps, next, to);
    if (!deps.goesOn()) return undefined;
    absent.push(...step.absent);
    ({ next } = step);
    await pause(deps.clock, PAUSE_MS);
  }
  return absent;
}

function numbersIn([from, to]: Range): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/**
 * Reads the unsettled part of the log. The broker neither delivers nor reports an event with a flipped bit, and if it is its session's first or last one, no
 * gap shows. Returns the numbers that cannot be read and are not known to be missing; undefined if the broker went away meanwhile. Throws if it is there and
 * does not answer. A number that seems to be missing is looked for a second time, because a replica may not have had it yet.
 */
export async function scrub(
  deps: ScrubDeps,
  { from, to }: Unsettled,
  known: readonly Range[],
): Promise<Range[] | undefined> {
  const absent = await absentBetween(deps, from, Math.min(to, from + MOST_SCRUBBED - 1));
  if (absent === undefined) return undefined;
  const unknown = without(absent, known);
  const [begin] = unknown;
  const end = unknown.at(-1);
  if (begin === undefined || end === undefined) return [];
  await pause(deps.clock, deps.lagMs);
  const again = await absentBetween(deps, begin[0], end[1]);
  if (again === undefined) return undefined;
  const doubtful = new Set(unknown.flatMap(numbersIn));
  const first = await deps.first(); // events that were pruned meanwhile are no loss
  return rangesOf(again.flatMap(numbersIn).filter((seq) => seq >= first && doubtful.has(seq)));
}
