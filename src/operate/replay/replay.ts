import { readShardCount } from "../../shared/log/state/read-shard-count.ts";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { deadIds } from "../../shared/log/state/dead-letters.ts";
import { codedError } from "../../shared/base/errors.ts";
import { HEADER } from "../../shared/base/headers.ts";
import { parseEventSubject } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";
import { readSettlement } from "../../shared/log/state/settlement.ts";
import { look, type LookDeps, type Looked } from "./choose.ts";
import { createFinished } from "./finished.ts";
import { putAgain } from "./put.ts";
import { writeReplay, type ReplayRecord } from "./record.ts";
import type { Selection } from "./selection.ts";
import { createThrottle } from "./throttle.ts";

// selection.ts parses the selection · choose.ts reads and decides · finished.ts knows ended sessions · throttle.ts and pace.ts limit the rate ·
// put.ts requeues · record.ts stores the progress
// A run is one loop of read, decide, wait and put, and each step is a file of its own: a dry run uses the first two only, and a resumed run starts
// the same loop at the stored position.

/** Time between two writes of the run's progress. */
const KEEP_MS = 1000;

export type ReplayDeps = { nc: NatsConnection; jsm: JetStreamManager; clock: Clock };

/** Creates a run over what the log holds now. */
export async function openReplay(deps: ReplayDeps, run: string, selection: Selection): Promise<ReplayRecord> {
  const { created, state } = await deps.jsm.streams.info(EVENTS_STREAM);
  const [since, until] = await Promise.all([
    selection.since === undefined ? 1 : sequenceAt(deps.jsm, selection.since, state.last_seq),
    selection.until === undefined ? undefined : sequenceAt(deps.jsm, selection.until, state.last_seq),
  ]);
  const from = Math.max(1, state.first_seq, since, selection.fromSeq ?? 1);
  const to = Math.min(state.last_seq, (until ?? Infinity) - 1, selection.toSeq ?? Infinity);
  const now = deps.clock.wall();
  return {
    v: 1,
    run,
    state: "running",
    stream: created,
    selection,
    from,
    to,
    position: { filter: 0, seq: 0 },
    put: 0,
    sent: 0,
    leftOut: { binds: 0, runReports: 0, dead: 0, waiting: 0, unreadable: 0 },
    startedAt: now,
    updatedAt: now,
  };
}

/** The first sequence stored at a time (milliseconds since 1970) or later; after the end of the log if there is none. */
async function sequenceAt(jsm: JetStreamManager, at: number, last: number): Promise<number> {
  const found = await jsm.direct.getMessage(EVENTS_STREAM, { start_time: new Date(at) });
  return found?.seq ?? last + 1;
}

/** Yields every event that a run would read, in order, with the decision about it. Changes nothing. */
export async function* previewReplay(deps: ReplayDeps, record: ReplayRecord): AsyncGenerator<Looked> {
  yield* look(await facts(deps), record.selection, record, false);
}

/** What is known when a run begins. An event that becomes a dead letter later was sent by someone else meanwhile. */
async function facts({ nc, jsm }: ReplayDeps): Promise<LookDeps> {
  const [settlement, dead, shardCount] = await Promise.all([
    readSettlement(jsm, nc.info?.server_id),
    deadIds(jsm),
    readShardCount(jsm),
  ]);
  return { jsm, shardCount, settlement, finished: createFinished(jsm, shardCount), dead };
}

/**
 * Updates the record of an interrupted run to what the run really put into the log. The record is written only once a second, and events put in after
 * that must not be sent twice. The log itself shows them, as long as it keeps them. Throws `checkpoint_mismatch` for a run over another log.
 */
export async function catchUp(deps: ReplayDeps, record: ReplayRecord): Promise<ReplayRecord> {
  const { created } = await deps.jsm.streams.info(EVENTS_STREAM);
  if (created !== record.stream)
    throw codedError(
      "checkpoint_mismatch",
      `run ${record.run} belongs to the log created ${record.stream}; this one was created ${created}`,
    );
  const sessions = record.selection.sessions;
  const now = { ...record, position: { ...record.position }, state: "running" as const };
  for await (const message of walk(
    deps.jsm,
    EVENTS_STREAM,
    "rr.replay.>",
    Math.max(record.put, record.to) + 1,
  )) {
    if (message.header.get(HEADER.replayRun) !== record.run) continue;
    const session = parseEventSubject(message.subject)?.session ?? "";
    const seq = Number(message.header.get(HEADER.replayOf).split(":")[1]);
    now.position = { filter: sessions.length === 0 ? 0 : sessions.indexOf(session), seq };
    now.put = message.seq;
    now.sent++;
  }
  return now;
}

export type ReplayOptions = {
  /** Events per second. */
  rate: number;
  /** Stops the run after the event in progress. */
  signal: AbortSignal;
  /** Called after every event and during waits. `left`: at most this many events follow. */
  told(record: ReplayRecord, left: number, waitsBecause?: string): void;
};

/**
 * Carries out a run and stores its progress. Events are requeued one after the other, so that those of one session keep their order (ORDER-1), and
 * pass through the same lanes as live ones. Nothing is added while the relays' backlog exceeds a bound, so that live events do not queue behind many
 * replayed ones. Throws what {@link putAgain} throws, after writing the progress.
 */
export async function runReplay(
  deps: ReplayDeps,
  start: ReplayRecord,
  options: ReplayOptions,
): Promise<ReplayRecord> {
  const { nc, clock } = deps;
  const { signal } = options;
  const record: ReplayRecord = { ...start, position: { ...start.position }, leftOut: { ...start.leftOut } };
  let keptAt = clock.now();
  const keep = async (state: ReplayRecord["state"]): Promise<void> => {
    record.state = state;
    record.updatedAt = clock.wall();
    keptAt = clock.now();
    await writeReplay(nc, record);
  };
  await keep("running");
  const throttle = createThrottle(deps, options.rate);

  try {
    const known = await facts(deps);
    const looked = look(known, record.selection, record, true);
    for await (const { seq, filter, choice, envelope, headers, left } of looked) {
      if (choice.kind === "leave") record.leftOut[choice.why]++;
      if (choice.kind === "send" && envelope !== undefined) {
        const waits = (because: string): void => options.told(record, left + 1, because);
        if (!(await throttle.mayGo(signal, waits))) break;
        record.put = await putAgain({ nc, ...known }, record.run, { seq, headers, envelope });
        record.sent++;
      }
      record.position = { filter, seq };
      if (clock.now() - keptAt >= KEEP_MS) await keep("running");
      options.told(record, left);
      if (signal.aborted) break;
    }
  } catch (error) {
    await keep("interrupted").catch(() => {}); // the original failure says more
    throw error;
  }
  await keep(signal.aborted ? "interrupted" : "done");
  return record;
}
