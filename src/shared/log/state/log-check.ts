import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { decodeCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { judgeEnd, stampMs, type Anchor, type LogEnd, type Probe } from "./log-end.ts";
import { decodeMark, type LogMark } from "./log-mark.ts";
import { shardNumbers } from "../schema/partition.ts";
import { prunedBelow } from "./pruned.ts";
import { announced, removalsOf } from "./removals.ts";
import { countOf, startingAt, rangesOf, without, type Range } from "./ranges.ts";
import { Settled } from "./settled.ts";
import { readShardCount } from "./read-shard-count.ts";
import { readState, type Stored } from "./state-store.ts";
import { askLeader } from "../follow/leader.ts";
import { DEAD_STREAM, EVENTS_STREAM, stateKey } from "../schema/topology.ts";

// log-end.ts decides · log-mark.ts and checkpoint.ts are what is remembered · ../../../relay/source/log-watch.ts looks again and again · ../provision/mend.ts mends

/** The result of comparing the log with what is remembered of it. */
export type LogCheck = {
  end: LogEnd;
  log: StreamInfo;
  /** What is remembered, with the revisions that a conditional write has to name. */
  mark: { mark: LogMark; revision: number } | undefined;
  /** One for each shard. */
  checkpoints: ({ checkpoint: Checkpoint; settled: Settled; revision: number } | undefined)[];
  /** Numbers that went missing within the log, or at its beginning without having been pruned, since the mark was written. */
  holes: Range[];
  /** All numbers that are missing within the log. */
  missing: Range[];
  dead: StreamInfo;
  /** How many dead letters had been removed when they were counted, at least. */
  removed: number;
  /** When the newest record in the bucket was written, milliseconds since 1970; 0 for never. The bucket's own index may claim newer ones than it still has. */
  rememberedAt: number;
  /** Dead letters that went missing since the mark was written and were not removed by anybody. */
  deadLost: number;
};

/** How often in a row the end, or a dead letter, must seem lost before it counts as lost: the replica that answers may lag behind. */
const LOOKS = 3;
const LOOKS_AT_REPLICAS = 40; // × 200 ms = 8 s, as long as a replica lags
const BETWEEN_LOOKS_MS = 200;

/**
 * Compares the log with everything that is remembered of it by number. It takes three questions, and one for each anchor, of 0.2 to 0.5 ms each. A mark and
 * checkpoints of another log are ignored. Throws the broker's errors, and those of {@link decodeMark} and {@link decodeCheckpoint}.
 */
export async function checkLog(jsm: JetStreamManager): Promise<LogCheck> {
  for (let look = 1; ; look++) {
    const found = await lookAt(jsm);
    const looks = found.log.config.num_replicas > 1 ? LOOKS_AT_REPLICAS : LOOKS;
    if ((found.end.kind === "whole" && found.deadLost === 0) || look >= looks) return found;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
}

async function lookAt(jsm: JetStreamManager): Promise<LogCheck> {
  const shards = shardNumbers(await readShardCount(jsm));
  // The records are read before the log: both may grow meanwhile, and the records must not seem to be ahead.
  const [stored, removedBefore, ...points] = await Promise.all([
    readState(jsm, stateKey.mark),
    readState(jsm, stateKey.removed),
    ...shards.map((shard) => readState(jsm, stateKey.checkpoint(shard))),
  ]);
  const mark = stored && { mark: decodeMark(stored.value), revision: stored.revision };
  const checkpoints = points.map(checkpointOf);
  const [before, dead] = await Promise.all([jsm.streams.info(EVENTS_STREAM), jsm.streams.info(DEAD_STREAM)]);
  const own = checkpoints.filter((it) => it?.checkpoint.stream === before.created);
  const anchors: Anchor[] = own.flatMap((it) => (it === undefined ? [] : anchorsOf(it)));
  if (mark?.mark.created === before.created) anchors.push({ seq: mark.mark.seq, at: mark.mark.at });
  // the counter grows before a letter is removed, so that every removal that can be seen in `dead` is in it now
  const removedNow = await readState(jsm, stateKey.removed);
  const probes = await Promise.all(distinct(anchors).map((anchor) => probe(jsm, anchor)));
  // the broker reads a block when it is asked for a message, and cuts it off then if it is damaged: the log ends earlier than it said
  const log = probes.some(isGone) ? await jsm.streams.info(EVENTS_STREAM) : before;
  const end = judgeEnd(log.state.last_seq, probes);
  const known = mark?.mark.created === log.created ? mark.mark : undefined;
  const passed = mark?.mark.holes ?? []; // a restored log has another time of creation, and the same holes
  const missing = await missingOf(jsm, log, passed);
  const holes = [...without(missing, passed), ...(await lostHead(jsm, log, known, end))];
  return {
    end,
    log,
    mark,
    checkpoints,
    holes: holes.sort(([a], [b]) => a - b),
    missing,
    rememberedAt: Math.max(0, ...[stored, ...points].map((it) => it?.at ?? 0)),
    dead,
    removed: removalsOf(removedBefore, dead).removed,
    deadLost: lostLetters(mark?.mark.dead, dead, announced(removalsOf(removedNow, dead))),
  };
}

/** Numbers between the log's first and last that it does not hold. The list is fetched only if its length differs from what is known. */
async function missingOf(jsm: JetStreamManager, log: StreamInfo, known: readonly Range[]): Promise<Range[]> {
  const { first_seq: first } = log.state;
  const before = startingAt(known, first);
  if (countOf(before) === missingIn(log)) return before;
  const { state } = await jsm.streams.info(EVENTS_STREAM, { deleted_details: true });
  return rangesOf([...(state.deleted ?? [])].sort((a, b) => a - b));
}

/** How many numbers between its first and last a stream does not hold; the broker leaves the field out for none. Pure. */
export function missingIn({ state }: Pick<StreamInfo, "state">): number {
  return "num_deleted" in state ? state.num_deleted : 0;
}

/** Numbers below the log's first one that were there and were not pruned. */
async function lostHead(
  jsm: JetStreamManager,
  log: StreamInfo,
  known: LogMark | undefined,
  end: LogEnd,
): Promise<Range[]> {
  if (known?.first === undefined || log.state.first_seq <= known.first) return [];
  const pruned = await readPruned(jsm, log.created);
  const last = Math.min(log.state.first_seq - 1, known.seq, end.kind === "whole" ? Infinity : end.kept);
  const head = Math.max(1, known.first, pruned ?? 0); // an empty log says that it begins at 0, and no event has that number
  return head <= last ? without([[head, last]], known.holes ?? []) : [];
}

/** The number up to which the log was pruned; nothing below it counts as missing. */
export async function readPruned(jsm: JetStreamManager, created: string): Promise<number | undefined> {
  const stored = await readState(jsm, stateKey.pruned);
  return stored && prunedBelow(stored.value, created);
}

/** How many dead letters went missing, of those in the mark and those that came since. `removed`: how many were removed ever, or are being removed. Pure. */
export function lostLetters(
  known: LogMark["dead"],
  { created, state }: Pick<StreamInfo, "created" | "state">,
  removed: number,
): number {
  if (known === undefined) return 0;
  if (known.created !== created) return known.messages;
  const added = Math.max(0, state.last_seq - known.seq);
  const removedSince = Math.max(0, removed - (known.removed ?? 0));
  return Math.max(0, known.messages + added - state.messages - removedSince);
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

/** True if another message has the anchor's number now. A number without a message is no sign: it may have been pruned. */
export async function isReplaced(jsm: JetStreamManager, { seq, at }: Required<Anchor>): Promise<boolean> {
  const message = seq === 0 ? null : await askLeader(jsm, EVENTS_STREAM, { seq });
  return message !== null && Math.abs(stampMs(message.timestamp) - at) >= 1;
}

function isGone({ anchor, there }: Probe): boolean {
  return anchor.at !== undefined && there === undefined;
}

async function probe(jsm: JetStreamManager, anchor: Anchor): Promise<Probe> {
  if (anchor.at === undefined) return { anchor, there: undefined, next: undefined };
  const message = await askLeader(jsm, EVENTS_STREAM, { seq: anchor.seq });
  const there = message === null ? undefined : stampMs(message.timestamp);
  if (there !== undefined && Math.abs(there - anchor.at) < 1) return { anchor, there, next: undefined };
  const later = new Date(Math.floor(anchor.at) + 1);
  const next = await askLeader(jsm, EVENTS_STREAM, { start_time: later });
  return { anchor, there, next: next?.seq };
}

/** What is missing, for people. Pure. */
export function shortenedText({ kept, highest }: { kept: number; highest: number }): string {
  return `the log lost its end: events ${kept + 1} to ${highest} (${highest - kept}) were stored and are gone`;
}
