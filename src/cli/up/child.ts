import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import { EXIT_CONFIG } from "../../shared/base/fatal-exit.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Lines } from "../../shared/base/output/lines.ts";
import { runChild, type ChildPlan, type ChildRun, type RunEnd } from "./child-run.ts";
import { ChildError } from "./last-words.ts";

/** A process that is kept running. */
export type Child = {
  readonly name: string;
  /** The URL in its first ready line. Rejects if the child cannot be started. */
  ready: Promise<string>;
  /** Process id of the present run, if the child runs. */
  pid(): number | undefined;
  /** Sends TERM, and KILL after `graceMs`. The child is not started again. */
  stop(graceMs: number): Promise<void>;
};

/** Most runs in a row that may end before the first ready line. Then the start has failed. */
const START_ATTEMPTS = 3;
const FIRST_DELAY_MS = 50; // running agents wait for it
const MAX_DELAY_MS = 5000;
/** The same for a child with a socket, whose clients wait: pods give a message up after 5 s, and a start takes up to 2 s. */
const MAX_SOCKET_DELAY_MS = 1000;
/** A run that lasted this long was healthy, so the delay of the next restart begins anew. */
const HEALTHY_MS = 10_000;

/** Wait before the n-th restart in a row (from 1), milliseconds: 50, 100, 200 … 5000, or 1000 while clients wait. */
export function restartDelay(failures: number, clientsWait = false): number {
  return Math.min(
    clientsWait ? MAX_SOCKET_DELAY_MS : MAX_DELAY_MS,
    FIRST_DELAY_MS * 2 ** Math.max(0, failures - 1),
  );
}

/** Failures in a row, and whether the child has ever been ready. */
export type History = { failures: number; everReady: boolean; clientsWait?: boolean };

/** What follows the end of a run: `fatal` if starting it again makes no sense. Pure. */
export function afterEnd(
  code: number | null,
  { failures, everReady, clientsWait }: History,
): { kind: "fatal" } | { kind: "again"; delayMs: number } {
  if (code === EXIT_CONFIG || (!everReady && failures >= START_ATTEMPTS)) return { kind: "fatal" };
  return { kind: "again", delayMs: restartDelay(failures, clientsWait) };
}

type State =
  | { phase: "running"; run: ChildRun }
  | { phase: "waiting"; cancel: () => void }
  | { phase: "stopped" };

export type KeepOptions = {
  plan: ChildPlan;
  clock: Clock;
  log: Logger;
  /** Where the child's stderr goes. */
  lines: Lines;
  mayFail: Promise<unknown>;
  onFatal: (error: ChildError) => void;
  /** Restores what the child needs and may have lost. */
  beforeRestart?: () => Promise<unknown>;
  /** At every ready line: a child that ran again may have another URL. */
  onReady?: (url: string) => void;
};

/**
 * Starts a child and starts it again whenever it ends by itself. `mayFail` settles when everything that the child needs is there: if it ends earlier, that
 * is not its fault, and it is tried again. `onFatal` is called once, when starting it again makes no sense.
 */
// oxlint-disable-next-line max-lines-per-function -- the methods of one state machine, each of them short
export function keepRunning(options: KeepOptions): Child {
  const { plan, clock, log, lines } = options;
  const first = Promise.withResolvers<string>();
  first.promise.catch(() => undefined); // those who await it get the rejection, and `onFatal` is called anyway
  let state: State = { phase: "stopped" };
  let stopping = false;
  let standing = false;
  const record: History = { failures: 0, everReady: false };
  void options.mayFail.then(
    () => (standing = true),
    () => undefined,
  );

  function start(restored: Promise<unknown> = Promise.resolve()): void {
    if (stopping) return;
    const run = runChild({ plan, restored, lines, clock, log, onReady });
    state = { phase: "running", run };
    void run.ended.then((end) => ended(end, clock.now() - run.since));
  }

  function onReady(url: string): void {
    record.everReady = true;
    first.resolve(url);
    options.onReady?.(url);
  }

  function ended(end: RunEnd, lastedMs: number): void {
    state = { phase: "stopped" };
    if (stopping) return;
    if (!standing) {
      void options.mayFail.then(
        () => start(),
        () => undefined,
      );
      return;
    }
    record.failures = lastedMs >= HEALTHY_MS ? 1 : record.failures + 1;
    const next = afterEnd(end.code, { ...record, clientsWait: plan.socket !== undefined });
    if (next.kind === "fatal") giveUp(end);
    else startLater(end, next.delayMs);
  }

  function giveUp(end: RunEnd): void {
    const error = new ChildError(plan.name, end);
    stopping = true;
    first.reject(error);
    options.onFatal(error);
  }

  function startLater({ code, signal, words }: RunEnd, delayMs: number): void {
    const why = words === undefined ? {} : { why: `${words.code}: ${words.text}` };
    log.error(
      { child: plan.name, code, signal, restartInMs: delayMs, ...why },
      "child ended, starting it again",
    );
    const again = (): void => {
      const restored = restore(options);
      if (plan.told !== undefined) start(restored);
      else void restored.then(() => start());
    };
    state = { phase: "waiting", cancel: clock.after(delayMs, again) };
  }

  async function stop(graceMs: number): Promise<void> {
    stopping = true;
    if (state.phase === "waiting") state.cancel();
    if (state.phase !== "running") return;
    const { process: child, ended: gone } = state.run;
    child.kill("SIGTERM");
    const cancel = clock.after(graceMs, () => {
      if (graceMs > 0) log.warn({ child: plan.name }, "child does not stop, killing it");
      child.kill("SIGKILL");
    });
    await gone;
    cancel();
  }

  start();
  return {
    name: plan.name,
    ready: first.promise,
    pid: () => (state.phase === "running" ? state.run.process.pid : undefined),
    stop,
  };
}

/** Never rejects: a child that lacks something says so itself. */
async function restore({ plan, log, beforeRestart }: KeepOptions): Promise<void> {
  try {
    await beforeRestart?.();
  } catch (error) {
    const code = isCoded(error) ? { code: error.code } : {};
    log.error(
      { child: plan.name, ...code, err: errorText(error) },
      "what the child needs could not be restored",
    );
  }
}
