import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { free } from "../../base/free.ts";
import type { Sequences } from "./sequence.ts";
import type { Choice } from "./choice.ts";
import { MAX_BATCH, MAX_BATCH_BYTES, MAX_SINGLES } from "./choice.ts";
import type { Log, LogMessage } from "./log.ts";
import { createFifo } from "../../base/fifo.ts";
import { judgeWave, pickWave, roundsOf, type Fate } from "./wave.ts";
import type { Outcome, SessionNumber, Write } from "./write.ts";

// write.ts is what is committed · ../../base/fifo.ts is the queue · choice.ts decides between singles and a batch · wave.ts picks and judges singles · sequence.ts
// numbers · message.ts encodes · acceptance.ts knows whether the log takes writes · log.ts is the port · nats-log.ts is the broker behind it, ack.ts reads its answers
// Numbers are given here and nowhere earlier, so that the order in the log is the order of the numbers whatever happened before. The broker is behind a port,
// because what matters most (which of several writes are stored after a failure) is tested against a log that fails in every way.

/** A write that could not be stored for this long is given up: executors hang up after 5 s. */
export const GIVE_UP_MS = 4000;
/** Longest wait for one answer of the broker. */
const PUBLISH_TIMEOUT_MS = 3000;
/** Shortest, when little is left until {@link GIVE_UP_MS}. */
const MIN_TIMEOUT_MS = 1000;
/** Pause before a repetition on a living connection (no leader, too many requests), so that it is not asked a thousand times a second. */
const RETRY_MS = 100;

/** A finished try, for metrics. */
export type CommitReport = { mode: "singles" | "batch"; count: number; ms: number };

export type Committer = {
  /** Queues a write. Its `settle` is called exactly once, within about {@link GIVE_UP_MS} unless commits go on succeeding slowly. */
  add(write: Write): void;
  /** Writes that wait or are on their way. */
  readonly waiting: number;
  /** Resolves when nothing waits and nothing is on its way. */
  idle(): Promise<void>;
};

type Entry = {
  readonly write: Write;
  readonly session: string;
  readonly keyed: boolean;
  readonly deadline: number;
  numbered: { number: SessionNumber; message: LogMessage } | undefined;
  /** Number under which it may be stored already, from a try whose outcome is unknown. */
  uncertain: SessionNumber | undefined;
  settled: boolean;
};

/**
 * Group commit (ADR 0003): one commit at a time, either singles or one atomic batch, and the next one as soon as it is done.
 *
 * ORDER-1 rests on this: a session's number is given when its write enters a commit; commits follow each other; a commit whose outcome is
 * unknown is repeated, in order and with the same message ids, before anything newer; and a write that a newer one of its session has
 * overtaken is failed, never tried again. Whatever is given up ends its session's epoch, so that its number, used or not, makes no gap.
 */
export function createCommitter(deps: {
  log: Log;
  sequences: Sequences;
  encode: (write: Write, number: SessionNumber) => LogMessage;
  choice: Choice;
  /** Whether writes of one session may be on their way side by side. Asked at every commit. */
  sideBySide: () => boolean;
  clock: Clock;
  logger: Logger;
  report?: (report: CommitReport) => void;
  /** Is given every outcome, for what it says of the log. */
  noted?: (outcome: Outcome) => void;
}): Committer {
  const { log, sequences, encode, choice, sideBySide, clock, logger, report, noted } = deps;
  const queue = createFifo<Entry>();
  let underWay = 0;
  let running = false;
  const idleWaiters: (() => void)[] = [];
  const outcomes: { write: Write; outcome: Outcome }[] = [];

  function add(write: Write): void {
    const deadline = clock.now() + GIVE_UP_MS;
    const { session, keyed } = write;
    queue.push({
      write,
      session,
      keyed,
      deadline,
      numbered: undefined,
      uncertain: undefined,
      settled: false,
    });
    if (running) return;
    running = true;
    // After the poll phase: all requests that this turn of the event loop reads share the commit. No timer, so a lone one pays nothing.
    setImmediate(() => void run());
  }

  async function run(): Promise<void> {
    while (queue.length > 0) await commit();
    running = false;
    process.nextTick(() => {
      if (!running) for (const resolve of idleWaiters.splice(0)) resolve();
    });
  }

  async function commit(): Promise<void> {
    const { mode, entries } = takeNext();
    underWay = entries.length;
    try {
      let rest = entries;
      if (mode === "batch") rest = await asBatch(rest);
      // After a refused batch: serial, because one of them is bad and nobody knows which.
      await asSingles(rest, mode === "batch" || !sideBySide());
    } catch (error) {
      // Nothing here is expected to throw. If something does, the writes must still get an outcome, and the next commit must go on.
      logger.error({ err: error }, "commit failed unexpectedly");
      for (const entry of entries) {
        if (entry.settled) continue;
        fail(entry, "internal", "unexpected failure while storing");
        sequences.renew(entry.session);
      }
    }
    underWay = 0;
  }

  function takeNext(): { mode: "singles" | "batch"; entries: Entry[] } {
    const waiting: Entry[] = [];
    let bytes = 0;
    for (let i = 0; i < MAX_BATCH; i++) {
      const entry = queue.at(i);
      if (entry === undefined) break;
      bytes += entry.write.body.length;
      if (i > 0 && bytes > MAX_BATCH_BYTES) break;
      waiting.push(entry);
    }
    const mode = choice.of(waiting.length, sideBySide() ? 1 : roundsOf(waiting));
    return {
      mode,
      entries: queue.take(mode === "batch" ? waiting.length : Math.min(waiting.length, MAX_SINGLES)),
    };
  }

  /** Commits all at once. Returns what is left for singles: nothing, or everything that was not given up. */
  async function asBatch(entries: Entry[]): Promise<Entry[]> {
    let rest = entries;
    for (;;) {
      rest = await whileDown(rest);
      if (rest.length === 0) return rest;
      const from = clock.now();
      const ack = await log.batch(rest.map(messageOf), timeoutFor(rest));
      const ms = clock.now() - from;
      switch (ack.kind) {
        case "stored":
          choice.took("batch", rest.length, 1, ms);
          report?.({ mode: "batch", count: rest.length, ms });
          rest.forEach((entry, i) => stored(entry, ack.firstSeq + i, false));
          return [];
        case "refused":
          logger.debug({ count: rest.length, detail: ack.detail }, "batch refused, going on with singles");
          return rest;
        case "unknown":
          logger.warn(
            { count: rest.length, ms: Math.round(ms), detail: ack.detail },
            "outcome of a batch unknown",
          );
          for (const entry of rest) entry.uncertain ??= entry.numbered?.number;
          rest = giveUpOld(rest, ack.detail);
          if (rest.length > 0 && log.up()) await pause(RETRY_MS);
      }
    }
  }

  async function asSingles(entries: Entry[], serialFirst: boolean): Promise<void> {
    let rest = entries;
    let serial = serialFirst;
    while (rest.length > 0) {
      rest = await whileDown(rest);
      if (rest.length === 0) return;
      const wave = pickWave(rest, serial, MAX_SINGLES);
      const from = clock.now();
      const acks = await log.singles(wave.map(messageOf), timeoutFor(wave));
      const ms = clock.now() - from;
      const fates = judgeWave(wave, acks);
      let failure: string | undefined;
      wave.forEach((entry, i) => (failure = settleSingle(entry, fates[i]) ?? failure));
      rest = rest.filter((entry) => !entry.settled);
      // A number that may be unused would be a false gap: what is left of its session goes on in a new epoch.
      wave.forEach((entry, i) => {
        if (entry.settled && leavesGap(entry, fates[i])) newEpoch(entry.session, rest);
      });
      if (failure === undefined) {
        choice.took("singles", wave.length, 1, ms);
        report?.({ mode: "singles", count: wave.length, ms });
        continue;
      }
      logger.warn(
        { count: wave.length, ms: Math.round(ms), detail: failure },
        "singles not stored, trying again",
      );
      serial = true;
      rest = giveUpOld(rest, failure);
      if (rest.length > 0 && log.up()) await pause(RETRY_MS);
    }
  }

  /** Settles a write if its fate is sealed; otherwise returns why it must be tried again. */
  function settleSingle(entry: Entry, fate: Fate | undefined): string | undefined {
    switch (fate?.kind) {
      case "stored":
        if (fate.duplicate && isForeign(entry)) refuseForeign(entry, fate.seq);
        else stored(entry, fate.seq, fate.duplicate);
        return undefined;
      case "refused":
        fail(entry, fate.refusal, fate.detail);
        return undefined;
      case "overtaken":
        fail(entry, "log_unreachable", fate.detail);
        return undefined;
      case "again":
        if (fate.uncertain) entry.uncertain ??= entry.numbered?.number;
        return fate.detail;
      case undefined:
        return "no answer";
    }
  }

  /** Refused or overtaken, or a duplicate of what was stored under another number. */
  function leavesGap(entry: Entry, fate: Fate | undefined): boolean {
    return fate?.kind !== "stored" || (fate.duplicate && numberOfDuplicate(entry) === undefined);
  }

  function newEpoch(session: string, rest: readonly Entry[]): void {
    sequences.renew(session);
    for (const entry of rest) if (entry.session === session) entry.numbered = undefined;
  }

  function messageOf(entry: Entry): LogMessage {
    if (entry.numbered === undefined) {
      const number = sequences.next(entry.session);
      entry.numbered = { number, message: encode(entry.write, number) };
    }
    return entry.numbered.message;
  }

  /** Waits while the connection is lost, giving up whatever becomes too old, in the queue as well. */
  async function whileDown(entries: Entry[]): Promise<Entry[]> {
    let rest = entries;
    while (!log.up() && rest.length > 0) {
      await log.whenUp(Math.max(1, nextDeadline(rest) - clock.now()));
      if (log.up()) break;
      const detail = "the connection to the broker is lost";
      rest = giveUpOld(rest, detail);
      const now = clock.now();
      for (const entry of queue.sift((e) => e.deadline > now)) fail(entry, "log_unreachable", detail);
    }
    return rest;
  }

  function giveUpOld(entries: Entry[], detail: string): Entry[] {
    const now = clock.now();
    const rest = entries.filter((entry) => entry.deadline > now);
    if (rest.length === entries.length) return rest;
    for (const entry of entries) {
      if (entry.deadline > now) continue;
      fail(entry, "log_unreachable", detail);
      newEpoch(entry.session, rest);
    }
    return rest;
  }

  function timeoutFor(entries: readonly Entry[]): number {
    const left = nextDeadline(entries) - clock.now();
    return Math.min(PUBLISH_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, left));
  }

  function stored(entry: Entry, streamSeq: number, duplicate: boolean): void {
    const number = duplicate ? numberOfDuplicate(entry) : entry.numbered?.number;
    if (entry.numbered !== undefined) free(entry.numbered.message.payload); // the broker has it
    settle(entry, { kind: "stored", streamSeq, duplicate, number });
  }

  function fail(
    entry: Entry,
    code: "log_unreachable" | "log_full" | "log_refused" | "event_id_taken" | "internal",
    detail: string,
  ): void {
    settle(entry, { kind: "failed", code, detail });
  }

  /** Somebody else's event lies there, and this one nowhere: never a 2xx (DURABLE-1). */
  function refuseForeign(entry: Entry, streamSeq: number): void {
    const { session, write } = entry;
    logger.error(
      { code: "event_id_taken", event: write.id, session, seq: streamSeq },
      "the log holds another event under the id of a new one",
    );
    fail(entry, "event_id_taken", "the log holds another event with this id");
  }

  /**
   * Notes the outcome, to be told when the next commit is on its way: answering a few hundred requests takes milliseconds in which the
   * broker would have nothing to do. A tick comes after the whole cascade of promises that starts the next commit.
   */
  function settle(entry: Entry, outcome: Outcome): void {
    entry.settled = true;
    noted?.(outcome);
    if (outcomes.push({ write: entry.write, outcome }) === 1) process.nextTick(tell);
  }

  function tell(): void {
    for (const { write, outcome } of outcomes.splice(0)) {
      try {
        write.settle(outcome);
      } catch (error) {
        // Whatever happens on the other side is no matter of the commit.
        logger.error({ err: error, event: write.id }, "the outcome of a write could not be passed on");
      }
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => clock.after(ms, resolve));
  }

  return {
    add,
    get waiting() {
      return queue.length + underWay;
    },
    idle() {
      return running ? new Promise((resolve) => idleWaiters.push(resolve)) : Promise.resolve();
    },
  };
}

/** Entries wait in the order of their arrival, so the first is the oldest. */
function nextDeadline(entries: readonly Entry[]): number {
  return entries[0]?.deadline ?? Infinity;
}

/**
 * A duplicate of what nobody can have stored but a stranger: the id is new, and this was its first try. Ids with a key need the gateway's
 * secret, so that what lies there under one is an earlier process's.
 */
function isForeign({ keyed, uncertain }: Entry): boolean {
  return !keyed && uncertain === undefined;
}

/**
 * A duplicate was stored by an earlier try of ours under the number of that try, unless numbers changed between tries; or by an earlier
 * process, under a number that only the log knows.
 */
function numberOfDuplicate({ keyed, uncertain, numbered }: Entry): SessionNumber | undefined {
  return keyed || uncertain !== numbered?.number ? undefined : uncertain;
}
