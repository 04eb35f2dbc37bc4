import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/clock.ts";
import type { LogCheck } from "../../shared/log-check.ts";
import { SHARDS } from "../../shared/partition.ts";
import { rangesOf, without, type Range } from "../../shared/ranges.ts";
import { EVERYTHING } from "../../shared/subjects.ts";
import { consumerName, EVENTS_STREAM } from "../../shared/topology.ts";
import { readDirect, type LogMessage } from "./direct.ts";

/** Events that are looked at after a start or reconnect, oldest first: some seconds beside the forwarding. What lies beyond shows as a gap of its session. */
const MOST_SCRUBBED = 50_000;
const PAGE = 500;
const PAGE_BYTES: number = 1024 * 1024;
/** Between two pages: live events go first. */
const PAUSE_MS = 20;

/** The part of the log that still has to be sent. */
export type Unsettled = { from: number; to: number };

/**
 * Lowest sequence that no shard has settled, up to the log's end. A shard that has nothing to deliver has settled everything, whatever its floor says. To be
 * asked before anything is delivered: what cannot be read is passed over then.
 */
export async function unsettledOf(jsm: JetStreamManager, { log, checkpoints }: LogCheck): Promise<Unsettled> {
  const floors = await Promise.all(
    Array.from({ length: SHARDS }, async (_, shard) => {
      const consumer = await jsm.consumers.info(EVENTS_STREAM, consumerName(shard));
      const idle = consumer.num_pending === 0 && consumer.num_ack_pending === 0;
      return idle ? Infinity : (checkpoints[shard]?.settled.floor ?? 0);
    }),
  );
  const { first_seq: first, last_seq: to } = log.state;
  return { from: Math.max(first, Math.min(...floors) + 1), to };
}

/** Numbers of a page that are not there, from the one that was asked for on. Pure. */
export function absentIn(page: readonly Pick<LogMessage, "seq">[], from: number, to: number): Range[] {
  const there = page.map(({ seq }): Range => [seq, seq]);
  const end = page.length === 0 ? to : Math.min(to, page.at(-1)?.seq ?? to);
  return end < from ? [] : without([[from, end]], there);
}

/**
 * Reads the unsettled part of the log: an event with a flipped bit is neither delivered nor told of by the broker, and if it is its session's first or last
 * one, no gap shows. Returns the numbers that cannot be read and are not known to be missing; undefined if the broker went meanwhile.
 */
export async function scrub(
  deps: { nc: NatsConnection; jsm: JetStreamManager; clock: Pick<Clock, "after">; goesOn: () => boolean },
  { from, to }: Unsettled,
  known: readonly Range[],
): Promise<Range[] | undefined> {
  const { nc, jsm, clock } = deps;
  const last = Math.min(to, from + MOST_SCRUBBED - 1);
  const absent: Range[] = [];
  for (let next = from; next <= last;) {
    const page = await readDirect(nc, { from: next, filter: EVERYTHING, batch: PAGE, maxBytes: PAGE_BYTES });
    if (page === undefined || !deps.goesOn()) return undefined;
    absent.push(...absentIn(page, next, last));
    next = page.length === 0 ? last + 1 : (page.at(-1)?.seq ?? last) + 1;
    await new Promise<void>((resolve) => void clock.after(PAUSE_MS, resolve));
  }
  const unknown = without(absent, known);
  if (unknown.length === 0) return [];
  const { first_seq: first } = (await jsm.streams.info(EVENTS_STREAM)).state; // what was pruned meanwhile is no loss
  return rangesOf(unknown.flatMap(numbersIn).filter((seq) => seq >= first));
}

function numbersIn([from, to]: Range): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
