import type { Clock } from "../clock.ts";
import { createPending, STANDS_STILL, type PendingPort } from "./pending.ts";

// Retries after 5, 10, 20 … 250 ms: a busy reader loses no line, and one that is gone costs only four system calls a second.
const FIRST_RETRY_MS = 5;
const MAX_RETRY_MS = 250;
/** How long a process that ends waits for a reader that is not reading. `up` gives its children more time than this. */
const LAST_LINES_MS = 250;
/** A destination for lines. */
export type Lines = {
  /** Writes whole lines, that is, text that ends with a newline. Never waits and never throws; lines without room are dropped and counted. */
  write: (text: string) => void;
  /** Number of lines dropped so far. */
  dropped: () => number;
  /** False while so much is pending that a writer that can wait should do so. */
  hasRoom: () => boolean;
  /** Runs `fn` once when there is room again. The returned function cancels it. */
  onRoom: (fn: () => void) => () => void;
  /** Writes what is pending at the end of the process, and gives up on a reader that is not reading. */
  flush: () => void;
};

/** The side effects: the output, and how a process that ends waits. */
export type LinesPort = PendingPort & {
  clock: Clock;
  /** Blocks the process for this many milliseconds. */
  pause(ms: number): void;
};

type State =
  | { phase: "open" }
  /** `delay`: milliseconds until the next retry. */
  | { phase: "blocked"; reason: string; delay: number; cancel: () => void };

/**
 * Writes lines to an output that may refuse them at any time: a pipe without a reader, a terminal that is closed or stopped, a full file system. While
 * it accepts them, a line is written before `write` returns. When it does not, up to `WAITING_BYTES` wait in order, later lines are dropped, and a
 * notice in their place says how many and why. A line that was written in part is finished before the next one.
 */
export function createLines(port: LinesPort): Lines {
  const { clock } = port;
  const pending = createPending(port);
  let state: State = { phase: "open" };
  let roomWanted = new Set<() => void>();

  function retryIn(delay: number, reason: string): void {
    state = { phase: "blocked", reason, delay, cancel: clock.after(delay, retry) };
  }

  function retry(): void {
    if (state.phase !== "blocked") return;
    const { written, reason } = pending.drain(state.reason);
    if (reason === undefined) state = { phase: "open" };
    else retryIn(written > 0 ? FIRST_RETRY_MS : Math.min(MAX_RETRY_MS, state.delay * 2), reason);
    tellRoom();
  }

  function tellRoom(): void {
    if (!pending.hasRoom() || roomWanted.size === 0) return;
    const wanted = roomWanted;
    roomWanted = new Set();
    for (const fn of wanted) fn();
  }

  return {
    write(text) {
      if (state.phase === "blocked") return pending.add(text, state.reason);
      const reason = pending.write(text);
      if (reason !== undefined) retryIn(FIRST_RETRY_MS, reason);
    },
    dropped: () => pending.dropped(),
    hasRoom: () => pending.hasRoom(),
    onRoom(fn) {
      roomWanted.add(fn);
      return () => void roomWanted.delete(fn);
    },
    flush() {
      if (state.phase === "open") return;
      state.cancel();
      const until = clock.now() + LAST_LINES_MS;
      for (;;) {
        const { reason } = pending.drain(state.reason);
        if (reason === undefined) {
          state = { phase: "open" };
          return;
        }
        if (reason !== STANDS_STILL || clock.now() >= until) return;
        port.pause(FIRST_RETRY_MS);
      }
    },
  };
}
