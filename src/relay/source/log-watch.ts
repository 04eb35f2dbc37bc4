import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import { readDamages, tellDamage } from "../../shared/log/state/damage.ts";
import { codedError, errorText, isCoded } from "../../shared/base/errors.ts";
import { checkLog, isReplaced, shortenedText, type LogCheck } from "../../shared/log/state/log-check.ts";
import { decodeMark, encodeMark, type LogMark } from "../../shared/log/state/log-mark.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { noteDamage, shapeOf } from "../../shared/log/state/note-damage.ts";
import { removalsOf } from "../../shared/log/state/removals.ts";
import { readRevision, readState, writeState } from "../../shared/log/state/state-store.ts";
import { DEAD_STREAM, EVENTS_STREAM, stateKey } from "../../shared/log/schema/topology.ts";
import { isLessThan, nextMark, type WaitingHere } from "./next-mark.ts";
import { readThrough } from "./read-through.ts";
import { unsettledOf } from "./scrub.ts";

/** How often the newest event's place is written down. */
export const MARK_MS = 1000;
/** Between two tries to read through the log. */
const READ_AGAIN_MS = 5000;

const MENDED =
  "the log lost its end and was repaired meanwhile; this relay's own record of it is no longer valid";

function anewText(before: string, now: string): string {
  return `the recorded state is of a log created ${before}; this one was created ${now}; run \`provision\``;
}

function shortened(end: { kept: number; highest: number }): Error {
  return codedError(
    "log_shortened",
    `${shortenedText(end)}; run \`provision\`, which repairs the recorded state`,
  );
}

/** Checks that the log is the one that is remembered, and keeps what is remembered of it up to date. */
export type LogWatch = {
  /**
   * Resolves when the log was found to be whole after the current connection was made. Nothing can have happened to it since. Throws `log_shortened`, and
   * the broker's own errors.
   */
  whole(): Promise<void>;
  disconnected(): void;
  reconnected(): void;
  /** Writes down the newest event's place. */
  mark(): Promise<void>;
  /** First part of `Rr-Stream-Seq`: a number never comes again within one. */
  epoch(): number;
};

export type LogWatchDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Pick<Clock, "wall" | "after">;
  log: Logger;
  /** Shards of the log. */
  shardCount: number;
  waiting: () => WaitingHere;
  fatal: (error: Error) => void;
};

/** What is known of the log. */
type Watched = {
  deps: LogWatchDeps;
  connected: boolean;
  /** The look after the newest connection; undefined before one, and after one that failed. */
  checking: Promise<void> | undefined;
  last: LogCheck | undefined;
  /** How often the log was mended when this process looked first. */
  mended: number | undefined;
  /** Sessions that were held here when the connection was lost. A broker that starts again may also have lost the records that name them. */
  seenHeld: HeldPlace[];
};

function damageDeps({ nc, jsm, clock }: LogWatchDeps): Parameters<typeof noteDamage>[0] {
  return { nc, jsm, wall: () => clock.wall() };
}

/** Unreadable events are searched in the background, and nothing waits for that. */
async function beginReading(watched: Watched, found: LogCheck): Promise<void> {
  const { deps } = watched;
  const goesOn = (): boolean => watched.connected && watched.last === found;
  const unsettled = await unsettledOf(deps, found);
  const read = async (): Promise<void> => {
    try {
      await readThrough({ ...deps, goesOn }, found, unsettled);
    } catch (error) {
      if (!goesOn()) return;
      deps.log.warn({ err: errorText(error) }, "the log could not be read through, trying again");
      deps.clock.after(READ_AGAIN_MS, () => void read());
    }
  };
  void read();
}

/** Compares the log with what was seen of it. Throws `log_shortened`, `checkpoint_mismatch`, and the broker's own errors. */
async function check(watched: Watched): Promise<void> {
  const { deps } = watched;
  const found = await checkLog(deps.jsm);
  watched.last = found;
  const { end, mark, log } = found;
  if (mark !== undefined && mark.mark.created !== log.created)
    throw codedError("checkpoint_mismatch", anewText(mark.mark.created, log.created));
  const noted = await noteDamage(damageDeps(deps), found, watched.seenHeld);
  if (end.kind === "shortened") throw shortened(end);
  const times = mark?.mark.mended ?? 0;
  const first = watched.mended === undefined;
  watched.mended ??= times;
  if (times !== watched.mended) throw codedError("log_shortened", MENDED);
  for (const damage of first ? await readDamages(deps.jsm) : noted) tellDamage(deps.log, damage);
  watched.seenHeld = [];
  await beginReading(watched, found);
}

function whole(watched: Watched): Promise<void> {
  if (!watched.connected) return Promise.reject(new Error("the broker is not connected"));
  if (watched.checking === undefined) {
    const turn = check(watched);
    watched.checking = turn;
    turn.catch(() => {
      if (watched.checking === turn) watched.checking = undefined; // asked again
    });
  }
  return watched.checking;
}

/**
 * Messages disappeared while the connection lasted: they were pruned, deleted by an operator, or given up by the broker when it read them. If they were the last
 * ones, what this process remembers is void, as after a reconnect.
 */
async function lookAgain(deps: LogWatchDeps): Promise<void> {
  const { nc, jsm } = deps;
  const found = await checkLog(jsm);
  if (found.end.kind === "shortened") return deps.fatal(shortened(found.end));
  const noted = await noteDamage(damageDeps(deps), found);
  for (const damage of noted) tellDamage(deps.log, damage);
  if (noted.length > 0 || found.mark === undefined) return; // the mark knows it now
  const next = { ...found.mark.mark, ...shapeOf(found) };
  await writeState(nc, stateKey.mark, encodeMark(next), found.mark.revision);
}

async function writeMark(watched: Watched): Promise<void> {
  const { deps } = watched;
  const { nc, jsm, fatal } = deps;
  // nothing may be written before the log was looked at, and a shard with nothing to deliver has no takeover that would look
  await whole(watched).catch((error: unknown) => {
    if (isCoded(error)) fatal(error);
    throw error;
  });
  const turn = watched.checking;
  const counted = await readState(jsm, stateKey.removed); // before the letters: those that are being removed now do not count yet
  const [log, dead] = await Promise.all([jsm.streams.info(EVENTS_STREAM), jsm.streams.info(DEAD_STREAM)]);
  const stored = await readState(jsm, stateKey.mark);
  const known: LogMark =
    stored === undefined
      ? { v: 1, created: log.created, seq: 0, at: 0, highest: 0, mended: watched.mended ?? 0 }
      : decodeMark(stored.value);
  if (turn !== watched.checking) return;
  if (known.created !== log.created)
    return fatal(codedError("checkpoint_mismatch", anewText(known.created, log.created)));
  if (known.mended !== watched.mended) return fatal(codedError("log_shortened", MENDED));
  const grown = log.state.last_seq > known.seq; // behind an end that was lost, perhaps
  if (stored !== undefined && (isLessThan(log, known) || (grown && (await isReplaced(jsm, known)))))
    return lookAgain(deps);
  const facts = { log, dead, removed: removalsOf(counted, dead).removed };
  const next = nextMark(known, facts, deps.waiting(), deps.shardCount);
  if (next === undefined) return;
  const revision = stored?.revision ?? (await readRevision(jsm, stateKey.mark));
  await writeState(nc, stateKey.mark, encodeMark(next), revision);
}

/**
 * A broker that starts again may have lost the end of the log, and gateways write at once, so that the lost numbers are used again. Everything in a relay goes
 * by numbers. So after every reconnect nothing is taken over or written down before the log was compared with what was seen of it. If its end is lost, what
 * this process remembers is void: it ends, and `provision` mends (ADR 0013).
 */
export function createLogWatch(deps: LogWatchDeps): LogWatch {
  const watched: Watched = {
    deps,
    connected: true,
    checking: undefined,
    last: undefined,
    mended: undefined,
    seenHeld: [],
  };
  return {
    whole: () => whole(watched),
    disconnected() {
      if (watched.connected) watched.seenHeld = deps.waiting().held;
      watched.connected = false;
      watched.checking = undefined;
    },
    reconnected() {
      watched.connected = true;
    },
    mark: () => writeMark(watched),
    epoch: () => watched.last?.mark?.mark.epoch ?? Date.parse(watched.last?.log.created ?? ""),
  };
}
