import type { Clock } from "../clock.ts";

/** Most bytes that wait for a reader that is not reading, or for a full disk: some thousand lines, so that memory stays bounded. */
export const WAITING_BYTES = 1024 * 1024;
/** After lines were dropped, new ones are accepted once this much was written. Otherwise every other line would be a notice about dropped lines. */
const RESUME_BYTES = WAITING_BYTES / 2;
// Retries after 5, 10, 20 … 250 ms: a busy reader loses no line, and one that is gone costs only four system calls a second.
const FIRST_RETRY_MS = 5;
const MAX_RETRY_MS = 250;
/** How long a process that ends waits for a reader that is not reading. `up` gives its children more time than this. */
const LAST_LINES_MS = 250;
/** The reason for dropped lines if the system reports no error. */
const STANDS_STILL = "the reader is not reading";

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
export type LinesPort = {
  /** Like `fs.writeSync` on a non-blocking descriptor: returns the number of bytes written, and throws the system's errors. */
  put(data: string | Uint8Array): number;
  clock: Clock;
  /** The notice about dropped lines, with its newline. */
  notice(dropped: number, reason: string): string;
  /** Blocks the process for this many milliseconds. */
  pause(ms: number): void;
};

type State =
  | { phase: "open" }
  /** `delay`: milliseconds until the next retry. */
  | { phase: "blocked"; reason: string; delay: number; cancel: () => void };

/**
 * Writes lines to an output that may refuse them at any time: a pipe without a reader, a terminal that is closed or stopped, a full file system. While
 * it accepts them, a line is written before `write` returns. When it does not, up to {@link WAITING_BYTES} wait in order, later lines are dropped, and a
 * notice in their place says how many and why. A line that was written in part is finished before the next one.
 */
export function createLines(port: LinesPort): Lines {
  const { clock } = port;
  let state: State = { phase: "open" };
  let waiting: string[] = [];
  let waitingBytes = 0;
  /** The rest of a line that was written in part. */
  let rest: Uint8Array | undefined;
  /** Dropped lines that were not reported by a notice yet. */
  let untold = 0;
  let dropped = 0;
  let roomWanted = new Set<() => void>();

  /** Writes all of it, or returns the reason why not. `rest` is then the unwritten part of a line that was begun. */
  function put(data: string | Uint8Array): string | undefined {
    let left = data;
    let size = typeof data === "string" ? Buffer.byteLength(data) : data.length;
    try {
      for (;;) {
        const taken = port.put(left);
        if (taken >= size) break;
        if (taken <= 0) return STANDS_STILL;
        rest = left = (typeof left === "string" ? Buffer.from(left) : left).subarray(taken);
        size = left.length;
      }
    } catch (error) {
      return reasonOf(error);
    }
    rest = undefined;
    return undefined;
  }

  function retryIn(delay: number, reason: string): void {
    state = { phase: "blocked", reason, delay, cancel: clock.after(delay, retry) };
  }

  function retry(): void {
    if (state.phase !== "blocked") return;
    const { written, reason } = drain(state.reason);
    if (reason === undefined) state = { phase: "open" };
    else retryIn(written > 0 ? FIRST_RETRY_MS : Math.min(MAX_RETRY_MS, state.delay * 2), reason);
    tellRoom();
  }

  /** Writes pending lines as far as possible. Returns how many were written, and the reason why it stopped. */
  function drain(blockedBy: string): { written: number; reason: string | undefined } {
    let written = 0;
    let reason = rest === undefined ? undefined : put(rest);
    while (reason === undefined) {
      if (written === waiting.length) {
        if (untold === 0) break;
        queue(takeNotice(blockedBy));
      }
      const line = waiting[written] ?? "";
      reason = put(line);
      if (reason !== undefined && rest === undefined) break; // the line was not begun, so it stays pending
      written += 1;
      waitingBytes -= Buffer.byteLength(line);
    }
    if (written > 0) waiting = waiting.slice(written);
    return { written, reason };
  }

  function takeNotice(reason: string): string {
    const line = port.notice(untold, reason);
    untold = 0;
    return line;
  }

  function queue(text: string): void {
    waiting.push(text);
    waitingBytes += Buffer.byteLength(text);
  }

  function enqueue(text: string, reason: string): void {
    if (untold > 0 ? waitingBytes > RESUME_BYTES : waitingBytes + Buffer.byteLength(text) > WAITING_BYTES) {
      const lines = countLines(text);
      dropped += lines;
      untold += lines;
      return;
    }
    if (untold > 0) queue(takeNotice(reason));
    queue(text);
  }

  function hasRoom(): boolean {
    return waitingBytes <= RESUME_BYTES;
  }

  function tellRoom(): void {
    if (!hasRoom() || roomWanted.size === 0) return;
    const wanted = roomWanted;
    roomWanted = new Set();
    for (const fn of wanted) fn();
  }

  return {
    write(text) {
      if (state.phase === "blocked") {
        enqueue(text, state.reason);
        return;
      }
      const reason = put(text);
      if (reason === undefined) return;
      if (rest === undefined) enqueue(text, reason);
      retryIn(FIRST_RETRY_MS, reason);
    },
    dropped: () => dropped,
    hasRoom,
    onRoom(fn) {
      roomWanted.add(fn);
      return () => void roomWanted.delete(fn);
    },
    flush() {
      if (state.phase === "open") return;
      state.cancel();
      const until = clock.now() + LAST_LINES_MS;
      for (;;) {
        const { reason } = drain(state.reason);
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

/** EAGAIN is not an error: the buffer of a pipe, socket or terminal is full. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  return code === "EAGAIN" || code === "EWOULDBLOCK" ? STANDS_STILL : code;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}
