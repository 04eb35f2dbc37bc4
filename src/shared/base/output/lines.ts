import type { Clock } from "../clock.ts";

/** What waits for a reader that stands still or a disk that is full: some thousand lines of a process, and its memory stays bounded. */
export const WAITING_BYTES = 1024 * 1024;
/** After lines were dropped, new ones are taken again when so much was written: else every other line would be a notice. */
const RESUME_BYTES = WAITING_BYTES / 2;
// 5, 10, 20 … 250 ms: a reader that is merely busy costs no line, one that is gone four system calls a second.
const FIRST_RETRY_MS = 5;
const MAX_RETRY_MS = 250;
/** How long the end of the process waits for a reader that does not read; `up` gives its children more. */
const LAST_LINES_MS = 250;
/** Why nothing can be written when the system does not call it an error. */
const STANDS_STILL = "the reader stands still";

/** Where lines go. */
export type Lines = {
  /** Takes whole lines: text that ends with a newline. Never waits and never throws; what finds no room is dropped and counted. */
  write: (text: string) => void;
  /** Lines dropped so far. */
  dropped: () => number;
  /** False while so much waits that a writer that can wait had better do so. */
  hasRoom: () => boolean;
  /** Runs `fn` once when there is room again; the returned function cancels it. */
  onRoom: (fn: () => void) => () => void;
  /** At the end of the process: writes what waits, and gives up on a reader that does not read. */
  flush: () => void;
};

/** The effects: what is written to, and how the end of the process waits. */
export type LinesPort = {
  /** As `fs.writeSync`, to something that does not block: the bytes that were taken; throws what the system says. */
  put(data: string | Uint8Array): number;
  clock: Clock;
  /** The line that tells of dropped ones, with its newline. */
  notice(dropped: number, reason: string): string;
  /** Blocks for this many milliseconds. */
  pause(ms: number): void;
};

type State =
  | { phase: "open" }
  /** `delay`: of the next retry, milliseconds. */
  | { phase: "blocked"; reason: string; delay: number; cancel: () => void };

/**
 * Lines to something that may refuse them at any time: a pipe that nobody reads, a terminal that is closed or halted, a file system that
 * is full. While it takes them, a line is written before `write` returns, as it always was. When it does not, up to
 * {@link WAITING_BYTES} wait in their order, later ones are dropped, and a line in their place says how many and why. A line that was
 * taken in part is finished before the next one.
 */
export function createLines(port: LinesPort): Lines {
  const { clock } = port;
  let state: State = { phase: "open" };
  let waiting: string[] = [];
  let waitingBytes = 0;
  /** Of a line that was written in part. */
  let rest: Uint8Array | undefined;
  /** Dropped lines that no notice has told of. */
  let untold = 0;
  let dropped = 0;
  let roomWanted = new Set<() => void>();

  /** Writes all of it, or tells why not; `rest` is then what is left of a line that was begun. */
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

  /** Writes what waits, as far as it goes: how many lines, and what stopped it. */
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
      if (reason !== undefined && rest === undefined) break; // not begun: it stays
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

/** EAGAIN is no fault of anybody's: the buffer of a pipe, socket or terminal is full. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  return code === "EAGAIN" || code === "EWOULDBLOCK" ? STANDS_STILL : code;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}
