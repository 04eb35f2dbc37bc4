import type { Clock } from "../../shared/clock.ts";
import { errorText } from "../../shared/errors.ts";
import type { LogStatus } from "../../shared/status/log-status.ts";
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
/** A page is not kept waiting longer by a broker that does not answer. */
const TIMEOUT_MS = 2000;

/** Asks the broker how the log is: once a second for the charts, and for whoever opens the page. */
export function createReader(deps: {
  clock: Clock;
  samples: Samples;
  query: () => Promise<LogStatus>;
  connected: () => boolean;
  /** Events delivered by this relay since its start. */
  delivered: () => number;
}): Reader {
  const { clock, samples } = deps;
  let last: Reading = {};
  let asking: Promise<Reading> | undefined;
  let cancel: () => void = () => {};
  let stopped = false;

  async function ask(): Promise<Reading> {
    try {
      if (!deps.connected()) throw new Error("the broker is not connected");
      const status = await withTimeout(deps.query());
      last = { known: { status, wall: clock.wall() } };
    } catch (error) {
      last = { ...last, error: errorText(error) };
    }
    return last;
  }

  function withTimeout<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancelTimer = clock.after(TIMEOUT_MS, () => reject(new Error("the broker does not answer")));
      promise.then(resolve, reject).finally(cancelTimer);
    });
  }

  function read(): Promise<Reading> {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function sample(): Promise<void> {
    const began = clock.now();
    const { known, error } = await read();
    if (stopped) return;
    const took = clock.now() - began;
    if (known === undefined || error !== undefined) samples.hole(clock.wall());
    else {
      const { backlog, log, dead } = known.status;
      samples.add({
        now: clock.now(),
        wall: clock.wall(),
        backlog: backlog.events,
        lastSeq: log.lastSeq,
        delivered: deps.delivered(),
        dead: dead.messages,
      });
    }
    cancel = clock.after(Math.max(SAMPLE_MS - took, took / SHARE), () => void sample());
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
