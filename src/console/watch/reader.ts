import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { LogStatus } from "../../shared/messages/status/log-status.ts";
import type { Samples } from "./samples.ts";

/** What the broker said last, and what speaks against it. */
export type Reading = {
  known?: { status: LogStatus; wall: number };
  /** Why it is not newer. */
  error?: string;
};

export type Reader = {
  /** As it is now, or as it was known last. Never throws. Readers at the same time share one question. */
  read(): Promise<Reading>;
  start(): void;
  stop(): void;
};

const SAMPLE_MS = 1000;
/** Reading takes at most this part of the time, however many sessions are held. */
const SHARE = 1 / 20;
/** A page that waits longer for the broker shows what was known. */
const PATIENCE_MS = 1500;
/** What is known is called old when the broker takes longer than this. */
const OLD_MS = 30_000;

/** Asks the broker how the log is: once a second for the charts, and for everyone who opens the page. */
// oxlint-disable-next-line max-lines-per-function -- each method is short; the page and the samples share the one question that is under way
export function createReader(deps: {
  clock: Clock;
  samples: Samples;
  query: () => Promise<LogStatus>;
  connected: () => boolean;
  /** Events delivered by all relays since the console watches. */
  delivered: () => number;
}): Reader {
  const { clock, samples } = deps;
  let last: Reading = {};
  let asking: Promise<Reading> | undefined;
  let cancel: () => void = () => {};
  let stopped = false;

  async function ask(): Promise<Reading> {
    try {
      last = { known: { status: await deps.query(), wall: clock.wall() } };
    } catch (error) {
      last = { ...last, error: errorText(error) };
    }
    return last;
  }

  /** One question at a time: tens of thousands of held sessions are counted one by one. */
  function fresh(): Promise<Reading> {
    if (!deps.connected()) return Promise.resolve({ ...last, error: "the broker is not connected" });
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  function known(): Reading {
    const old = last.known === undefined || clock.wall() - last.known.wall > OLD_MS;
    return old ? { error: "the broker is slow to answer", ...last } : last;
  }

  async function read(): Promise<Reading> {
    let cancelWait = (): void => {};
    const enough = new Promise<Reading>((resolve) => {
      cancelWait = clock.after(PATIENCE_MS, () => resolve(known()));
    });
    return Promise.race([fresh(), enough]).finally(cancelWait);
  }

  async function sample(): Promise<void> {
    const began = clock.now();
    const found = await fresh();
    if (stopped) return;
    const took = clock.now() - began;
    let wait = SAMPLE_MS - took;
    if (found.known === undefined || found.error !== undefined) samples.hole(clock.wall());
    else {
      const { backlog, log, dead } = found.known.status;
      samples.add({
        now: clock.now(),
        wall: clock.wall(),
        backlog: backlog.events,
        lastSeq: log.lastSeq,
        delivered: deps.delivered(),
        dead: dead.messages,
      });
      wait = Math.max(wait, took / SHARE);
    }
    cancel = clock.after(Math.max(0, wait), () => void sample());
  }

  return {
    read,
    start: () => void sample(),
    stop() {
      stopped = true;
      cancel();
    },
  };
}
