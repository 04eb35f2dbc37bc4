import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { decodeCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { judgeEnd, stampMs, type Anchor, type LogEnd, type Probe } from "./log-end.ts";
import { decodeMark, type LogMark } from "./log-mark.ts";
import { SHARDS } from "./partition.ts";
import { Settled } from "./settled.ts";
import { readState, type Stored } from "./state-store.ts";
import { EVENTS_STREAM, stateKey } from "./topology.ts";

// log-end.ts decides · log-mark.ts and checkpoint.ts are what is remembered · log-watch.ts (relay) looks again and again · mend.ts (admin) mends

/** What was found when the log was held against what is remembered of it. */
export type LogCheck = {
  end: LogEnd;
  log: StreamInfo;
  /** What is remembered, with the revisions that a conditional write has to name. */
  mark: { mark: LogMark; revision: number } | undefined;
  checkpoints: ({ checkpoint: Checkpoint; settled: Settled; revision: number } | undefined)[];
};

/** Looks until an end that seems lost was seen lost so often: a replica that is asked may lag behind. */
const LOOKS = 3;
const LOOKS_AT_REPLICAS = 40; // × 200 ms = 8 s, as long as a replica lags
const BETWEEN_LOOKS_MS = 200;

/**
 * Holds the log against everything that is remembered of it by number. Two questions, and one for each of the anchors, 0.2 to 0.5 ms each. A mark and
 * checkpoints of another log say nothing here. Throws what the broker says, and as {@link decodeMark} and {@link decodeCheckpoint}.
 */
export async function checkLog(jsm: JetStreamManager): Promise<LogCheck> {
  for (let look = 1; ; look++) {
    const found = await lookAt(jsm);
    const looks = found.log.config.num_replicas > 1 ? LOOKS_AT_REPLICAS : LOOKS;
    if (found.end.kind === "whole" || look >= looks) return found;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
}

async function lookAt(jsm: JetStreamManager): Promise<LogCheck> {
  // what is remembered first: it may grow while the log is asked, and must not seem to be ahead of it
  const [stored, ...points] = await Promise.all([
    readState(jsm, stateKey.mark),
    ...Array.from({ length: SHARDS }, (_, shard) => readState(jsm, stateKey.checkpoint(shard))),
  ]);
  const mark = stored && { mark: decodeMark(stored.value), revision: stored.revision };
  const checkpoints = points.map(checkpointOf);
  const log = await jsm.streams.info(EVENTS_STREAM);
  const own = checkpoints.filter((it) => it?.checkpoint.stream === log.created);
  const anchors: Anchor[] = own.flatMap((it) => (it === undefined ? [] : anchorsOf(it)));
  if (mark?.mark.created === log.created) anchors.push({ seq: mark.mark.seq, at: mark.mark.at });
  const probes = await Promise.all(distinct(anchors).map((anchor) => probe(jsm, anchor)));
  return { end: judgeEnd(log.state.last_seq, probes), log, mark, checkpoints };
}

function checkpointOf(stored: Stored | undefined): LogCheck["checkpoints"][number] {
  if (stored === undefined) return undefined;
  const checkpoint = decodeCheckpoint(stored.value);
  const settled = new Settled();
  settled.merge({ floor: checkpoint.floor, snapshot: checkpoint.settled });
  return { checkpoint, settled, revision: stored.revision };
}

function anchorsOf({ checkpoint, settled }: NonNullable<LogCheck["checkpoints"][number]>): Anchor[] {
  return [{ seq: settled.highest }, ...(checkpoint.top === undefined ? [] : [checkpoint.top])];
}

function distinct(anchors: readonly Anchor[]): Anchor[] {
  return [...new Map(anchors.map((it) => [`${it.seq} ${it.at}`, it])).values()].filter(({ seq }) => seq > 0);
}

async function probe(jsm: JetStreamManager, anchor: Anchor): Promise<Probe> {
  if (anchor.at === undefined) return { anchor, there: undefined, next: undefined };
  const message = await jsm.direct.getMessage(EVENTS_STREAM, { seq: anchor.seq });
  const there = message === null ? undefined : stampMs(message.timestamp);
  if (there !== undefined && Math.abs(there - anchor.at) < 1) return { anchor, there, next: undefined };
  const later = new Date(Math.floor(anchor.at) + 1);
  const next = await jsm.direct.getMessage(EVENTS_STREAM, { start_time: later });
  return { anchor, there, next: next?.seq };
}

/** What is missing, for people. Pure. */
export function shortenedText({ kept, highest }: { kept: number; highest: number }): string {
  return `the log lost its end: events ${kept + 1} to ${highest} (${highest - kept}) were stored and are gone`;
}
