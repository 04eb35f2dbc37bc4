import { resolve } from "node:path";
import type { Announcement } from "./announcement.ts";
import type { Base } from "./asked.ts";
import type { ChildPlan } from "./child-run.ts";
import { keepRunning, type Child } from "./child.ts";
import type { Signals } from "./ending.ts";
import type { ReadyInfo } from "./kept.ts";
import type { KeptLog } from "./log.ts";

/** Starts a child that is kept running. `learn` is called at each of its ready lines. By default a child that gives up ends everything. */
export type Start = (
  plan: ChildPlan,
  learn: (url: string) => void,
  onFatal?: (error: Error) => void,
) => Child;

/** The children of one `up`, and what they share. */
export type Crew = {
  start: Start;
  /** What is known so far of where everything is. */
  info: Partial<ReadyInfo>;
  /** Rejects when a child gives up for good. */
  fatal: Promise<never>;
  /** Has `fatal` reject. */
  fail: (error: Error) => void;
  /** Aborted by the first stop signal. */
  stopping: AbortSignal;
  /** Settles with the log's making, before which no child's end is its own fault. */
  standing: PromiseWithResolvers<void>;
  /** The log, once it is open; never if that fails, because nothing is restarted then. */
  opened: PromiseWithResolvers<KeptLog>;
};

export function createCrew(base: Base, signals: Signals, announcement: Announcement): Crew {
  const { clock, log, lines, values } = base;
  const info: Partial<ReadyInfo> = { pid: process.pid };
  if (values.socket !== undefined) info.socket = resolve(values.socket);
  const fatal = Promise.withResolvers<never>();
  fatal.promise.catch(() => undefined); // raced later
  const stopping = new AbortController();
  void signals.first.then(() => stopping.abort());
  const standing = Promise.withResolvers<void>();
  standing.promise.catch(() => undefined); // awaited with the children
  const opened = Promise.withResolvers<KeptLog>();
  const start: Start = (plan, learn, onFatal = fatal.reject) => {
    const child = keepRunning({
      plan,
      clock,
      log,
      lines,
      mayFail: standing.promise,
      beforeRestart: () => opened.promise.then((it) => it.make()), // a consumer may have been deleted
      onFatal,
      onReady(url) {
        learn(url);
        announcement.again(info);
      },
    });
    signals.onSecond(() => void child.stop(0));
    return child;
  };
  return {
    start,
    info,
    fatal: fatal.promise,
    fail: fatal.reject,
    stopping: stopping.signal,
    standing,
    opened,
  };
}
