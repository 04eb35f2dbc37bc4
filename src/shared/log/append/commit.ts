import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { createFifo, type Fifo } from "../../base/fifo.ts";
import { asBatch } from "./batch.ts";
import type { Choice } from "./choice.ts";
import { MAX_BATCH, MAX_BATCH_BYTES, MAX_SINGLES } from "./choice.ts";
import { entryOf, GIVE_UP_MS, type Entry } from "./entry.ts";
import type { Log, LogMessage } from "./log.ts";
import { createNumbering } from "./numbering.ts";
import { createOutcomes } from "./outcomes.ts";
import { createPatience } from "./patience.ts";
import type { Sequences } from "./sequence.ts";
import { asSingles } from "./singles.ts";
import type { CommitReport, Trying } from "./trying.ts";
import { roundsOf } from "./wave.ts";
import type { Outcome, SessionNumber, Write } from "./write.ts";

// write.ts is what is committed, entry.ts is a write on its way · choice.ts decides between singles and a batch · singles.ts and batch.ts commit, with what
// trying.ts lists · wave.ts picks and judges singles · sequence.ts has the numbers, numbering.ts gives them · message.ts encodes · patience.ts waits and gives
// up · outcomes.ts tells the writes · acceptance.ts knows whether the log takes writes · log.ts is the port · nats-log.ts is the broker behind it, ack.ts reads
// its answers
// Numbers are given here and nowhere earlier, so that the order in the log is the order of the numbers whatever happened before. The broker is behind a port,
// because what matters most (which of several writes are stored after a failure) is tested against a log that fails in every way.

export type Committer = {
  /** Queues a write. Its `settle` is called exactly once, within about {@link GIVE_UP_MS}, or its own patience, unless commits go on succeeding slowly. */
  add(write: Write): void;
  /** Writes that wait or are on their way. */
  readonly waiting: number;
  /** Resolves when nothing waits and nothing is on its way. */
  idle(): Promise<void>;
};

export type CommitterDeps = {
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
};

type Next = { mode: "singles" | "batch"; entries: Entry[] };

/**
 * Group commit (ADR 0003): one commit at a time, either singles or one atomic batch, and the next one as soon as it is done.
 *
 * ORDER-1 rests on this: a session's number is given when its write enters a commit; commits follow each other; a commit whose outcome is
 * unknown is repeated, in order and with the same message ids, before anything newer; and a write that a newer one of its session has
 * overtaken is failed, never tried again. Whatever is given up ends its session's epoch, so that its number, used or not, makes no gap.
 */
export function createCommitter(deps: CommitterDeps): Committer {
  const { log, choice, sideBySide, clock, logger, report } = deps;
  const queue = createFifo<Entry>();
  const numbering = createNumbering(deps.sequences, deps.encode);
  const outcomes = createOutcomes(logger, deps.noted);
  const patience = createPatience({ log, queue, numbering, outcomes, clock });
  const trying: Trying = { log, numbering, outcomes, patience, choice, clock, logger, report };
  let underWay = 0;
  let running = false;
  const idleWaiters: (() => void)[] = [];

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const next = takeNext(queue, choice, sideBySide());
      underWay = next.entries.length;
      await commit(trying, next, sideBySide);
      underWay = 0;
    }
    running = false;
    process.nextTick(() => {
      if (!running) for (const resolve of idleWaiters.splice(0)) resolve();
    });
  }

  return {
    add(write) {
      queue.push(entryOf(write, clock.now() + Math.max(GIVE_UP_MS, write.patienceMs ?? 0)));
      if (running) return;
      running = true;
      // After the poll phase: all requests that this turn of the event loop reads share the commit. No timer, so a lone one pays nothing.
      setImmediate(() => void run());
    },
    get waiting() {
      return queue.length + underWay;
    },
    idle() {
      return running ? new Promise((resolve) => idleWaiters.push(resolve)) : Promise.resolve();
    },
  };
}

async function commit(trying: Trying, { mode, entries }: Next, sideBySide: () => boolean): Promise<void> {
  try {
    // After a refused batch: one by one, because one of them is bad and it is not known which.
    if (mode === "batch") await asSingles(trying, await asBatch(trying, entries), true);
    else await asSingles(trying, entries, !sideBySide());
  } catch (error) {
    // Nothing here is expected to throw. If something does, the writes must still get an outcome, and the next commit must go on.
    trying.logger.error({ err: error }, "commit failed unexpectedly");
    for (const entry of entries) {
      if (entry.settled) continue;
      trying.outcomes.failed(entry, "internal", "unexpected failure while storing");
      trying.numbering.renew(entry.session, []);
    }
  }
}

/** Takes from the queue what is committed next, as many as fit into one batch or one wave. */
function takeNext(queue: Fifo<Entry>, choice: Choice, sideBySide: boolean): Next {
  const waiting: Entry[] = [];
  let bytes = 0;
  for (let i = 0; i < MAX_BATCH; i++) {
    const entry = queue.at(i);
    if (entry === undefined) break;
    bytes += entry.write.body.length;
    if (i > 0 && bytes > MAX_BATCH_BYTES) break;
    waiting.push(entry);
  }
  const mode = choice.of(waiting.length, sideBySide ? 1 : roundsOf(waiting));
  return {
    mode,
    entries: queue.take(mode === "batch" ? waiting.length : Math.min(waiting.length, MAX_SINGLES)),
  };
}
