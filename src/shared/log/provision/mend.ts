import { headers, type NatsConnection } from "@nats-io/nats-core";
import { JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import { readBatchAck } from "../append/ack.ts";
import { encodeCheckpoint, freshCheckpoint, type Checkpoint } from "../state/checkpoint.ts";
import { recordDamage, type Damage } from "../state/damage.ts";
import { encodeHeld, decodeHeld, type HeldRecord } from "../state/held.ts";
import { readPruned, type LogCheck } from "../state/log-check.ts";
import { stampMs } from "../state/log-end.ts";
import { encodeMark, type LogMark } from "../state/log-mark.ts";
import { lossOf, shapeOf } from "../state/note-damage.ts";
import { countOf, rangesOf, without, type Range } from "../state/ranges.ts";
import { readRevision, readStates, writeState } from "../state/state-store.ts";
import { PASSED_SUBJECT } from "../schema/subjects.ts";
import { consumerName, EVENTS_STREAM, stateKey } from "../schema/topology.ts";

// ../state/log-check.ts finds a loss · mend.ts makes what is remembered by number fit the log again · provision.ts then makes the consumers anew

/** Most numbers that are skipped, so that none is used twice: 20,000 took 0.7 s, and their list in the stream's info is 0.7 MB long. */
const MOST_PASSED = 100_000;
/** The broker takes 1,000 messages in one atomic batch. */
const BATCH = 1000;
const TIMEOUT_MS = 10_000;

/**
 * Makes what is remembered fit a log that lost its end. Everything above the new end counts as never seen, so that a new event is not taken for settled
 * because it has a lost event's number. Then, if possible, the log skips the lost numbers. It can be cut short and begun again, because the loss is found by
 * the mark, which is written last. Undefined if there is nothing to mend; without damage if everything that is gone had been pruned.
 */
export async function mendLog(
  deps: { nc: NatsConnection; jsm: JetStreamManager; wall: () => number },
  check: LogCheck,
): Promise<{ damage: Damage | undefined } | undefined> {
  const { end, log, mark, checkpoints } = check;
  if (end.kind === "whole") return undefined;
  const { nc, jsm } = deps;
  const { kept } = end;
  const own = checkpoints.map((it) => (it?.checkpoint.stream === log.created ? it : undefined));
  const known = mark?.mark.created === log.created ? mark.mark : undefined;
  const highest = Math.max(end.highest, known?.highest ?? 0);
  const gone = goneOf(end, known, await readPruned(jsm, log.created));
  const damage: Damage | undefined =
    countOf(gone) === 0
      ? undefined
      : {
          ...(await lossOf(deps, check, gone)),
          id: `${Date.parse(log.created)}-${kept + 1}-${end.highest}`,
          code: "log_shortened",
        };
  if (damage !== undefined) await recordDamage(nc, damage);
  for (const [shard, it] of own.entries()) {
    if (it === undefined) continue;
    it.settled.truncate(kept);
    const value = encodeCheckpoint({
      ...freshCheckpoint(log.created, it.settled.floor),
      settled: it.settled.snapshot(),
      ...cutPlaces(it.checkpoint, kept),
    });
    await conditionally(nc, stateKey.checkpoint(shard), value, it.revision);
  }
  await cutHeld(nc, jsm, kept);
  await Promise.all(checkpoints.map((_, shard) => deleteConsumer(jsm, consumerName(shard))));
  const unused = log.state.last_seq <= kept; // no new event has a lost event's number yet
  const passed = (await passNumbers(nc, jsm, highest)) && unused;
  const now = await markOf(jsm, check);
  const epoch = passed ? known?.epoch : Math.max(deps.wall(), (known?.epoch ?? 0) + 1);
  const next: LogMark = {
    ...now,
    highest: Math.max(highest, now.seq),
    mended: (mark?.mark.mended ?? 0) + 1,
    ...(epoch === undefined ? {} : { epoch }),
  };
  await conditionally(nc, stateKey.mark, encodeMark(next), await revisionOf(jsm, mark));
  return { damage };
}

/** Numbers behind the log's end whose events are lost now: those that were stored, and neither pruned nor known to be missing before. Pure. */
export function goneOf(
  { kept, highest }: { kept: number; highest: number },
  known: Pick<LogMark, "first" | "holes"> | undefined,
  pruned = 0,
): Range[] {
  const first = Math.max(kept + 1, known?.first ?? 0, pruned);
  return first > highest ? [] : without([[first, highest]], known?.holes ?? []);
}

/**
 * Writes the mark of the log, so that a loss is noticed even if it happens before a relay runs. The mark of a restored log continues above the numbers of the
 * log before it.
 */
export async function ensureMark(
  { nc, jsm }: { nc: NatsConnection; jsm: JetStreamManager },
  check: Pick<LogCheck, "log" | "mark" | "dead" | "removed">,
): Promise<void> {
  const { log, mark } = check;
  const known = mark?.mark;
  const same = known?.created === log.created;
  if (known !== undefined && !same) await passNumbers(nc, jsm, known.highest);
  const now = await markOf(jsm, check);
  const next: LogMark = {
    ...(same ? known : {}),
    ...now,
    highest: Math.max(now.seq, same ? known.highest : 0),
    mended: (known?.mended ?? 0) + (known === undefined || same ? 0 : 1),
  };
  if (JSON.stringify(next) === JSON.stringify(known)) return;
  await writeState(nc, stateKey.mark, encodeMark(next), await revisionOf(jsm, mark)); // if that fails, another process has written it
}

async function markOf(
  jsm: JetStreamManager,
  { dead, removed }: Pick<LogCheck, "dead" | "removed">,
): Promise<LogMark> {
  const log = await jsm.streams.info(EVENTS_STREAM, { deleted_details: true });
  const at = stampMs(log.state.last_ts);
  const seq = log.state.last_seq;
  const missing = rangesOf([...(log.state.deleted ?? [])].sort((a, b) => a - b));
  return {
    v: 1,
    created: log.created,
    seq,
    at: Number.isNaN(at) ? 0 : at,
    highest: seq,
    mended: 0,
    ...shapeOf({ log, dead, missing, removed }),
  };
}

async function revisionOf(jsm: JetStreamManager, mark: LogCheck["mark"]): Promise<number> {
  return mark?.revision ?? (await readRevision(jsm, stateKey.mark)); // it may have been deleted
}

export const CONSUMER_NOT_FOUND = 10014;

/** Deletes a consumer. One that is beyond the log's end would skip new events; `provision` makes it anew from the checkpoint. */
export async function deleteConsumer(jsm: JetStreamManager, name: string): Promise<void> {
  try {
    await jsm.consumers.delete(EVENTS_STREAM, name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== CONSUMER_NOT_FOUND) throw error;
  }
}

/** The pointer of a held session after a loss: it must not hide new events, and must not name a new event as the one to be skipped. Pure. */
export function cutPointer(record: HeldRecord, kept: number): HeldRecord {
  const { skip, ...rest } = record;
  const cut = { ...rest, from: Math.min(record.from, kept + 1) };
  return skip === undefined || skip > kept ? cut : { ...cut, skip };
}

function cutPlaces({ held }: Checkpoint, kept: number): Pick<Checkpoint, "held"> {
  if (held === undefined) return {};
  return { held: held.map(([session, from, reason]) => [session, Math.min(from, kept + 1), reason]) };
}

async function cutHeld(nc: NatsConnection, jsm: JetStreamManager, kept: number): Promise<void> {
  for (const [key, { value, revision }] of await readStates(jsm, stateKey.held("*"))) {
    const record = decodeHeld(value);
    if (record.from <= kept + 1 && (record.skip ?? 0) <= kept) continue;
    await conditionally(nc, key, encodeHeld(cutPointer(record, kept)), revision);
  }
}

async function conditionally(
  nc: NatsConnection,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<void> {
  if (!(await writeState(nc, key, value, revision)))
    throw new Error(`${key} was changed meanwhile by another process; stop the relays and try again`);
}

/**
 * Moves the log's end up to a number, so that no number stands for two events (in receipts, at the coordinator, for operators). An empty log is moved by one
 * request. Into any other log go messages without content, and all but the last are removed again. False if too many numbers are missing, or there is no room.
 */
async function passNumbers(nc: NatsConnection, jsm: JetStreamManager, highest: number): Promise<boolean> {
  const { state } = await jsm.streams.info(EVENTS_STREAM);
  if (state.last_seq >= highest) return true; // the log has grown beyond it, and its new events keep their numbers
  if (state.messages === 0) {
    await jsm.streams.purge(EVENTS_STREAM, { seq: highest + 1 });
    return true;
  }
  if (highest - state.last_seq > MOST_PASSED) return false;
  for (let last = state.last_seq; last < highest;) {
    // there is no room, or the user has the rights of an older version
    const stored = await fill(nc, Math.min(BATCH, highest - last)).catch(() => undefined);
    if (stored === undefined) return false;
    last = stored;
  }
  await jsm.streams.purge(EVENTS_STREAM, { filter: PASSED_SUBJECT, keep: 1 });
  return true;
}

/** Publishes one atomic batch. Returns the log's new end, or undefined if the batch was refused. */
async function fill(nc: NatsConnection, count: number): Promise<number | undefined> {
  const batch = crypto.randomUUID();
  for (let i = 1; i < count; i++) nc.publish(PASSED_SUBJECT, "", { headers: batchHeaders(batch, i) });
  const last = batchHeaders(batch, count);
  last.set("Nats-Batch-Commit", "1");
  const reply = await nc.request(PASSED_SUBJECT, "", { headers: last, timeout: TIMEOUT_MS });
  const ack = readBatchAck(reply.string(), count);
  return ack.kind === "stored" ? ack.firstSeq + count - 1 : undefined;
}

function batchHeaders(batch: string, i: number): ReturnType<typeof headers> {
  const head = headers();
  head.set("Nats-Batch-Id", batch);
  head.set("Nats-Batch-Sequence", String(i));
  return head;
}
