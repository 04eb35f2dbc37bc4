/** Most bytes that wait for a reader that is not reading, or for a full disk: some thousand lines, so that memory stays bounded. */
export const WAITING_BYTES = 1024 * 1024;
/** After lines were dropped, new ones are accepted once this much was written. Otherwise every other line would be a notice about dropped lines. */
const RESUME_BYTES = WAITING_BYTES / 2;
/** The reason for dropped lines if the system reports no error. */
export const STANDS_STILL = "the reader is not reading";

/** Lines on their way to an output that may refuse them, in order. `reason`s say why it did. */
export type Pending = {
  /** Writes lines at once. What the output refuses is pending from then on, and the reason is returned. Only while nothing is pending. */
  write(text: string): string | undefined;
  /** Adds lines behind those that are pending. Without room they are dropped and counted. */
  add(text: string, reason: string): void;
  /** Writes what is pending as far as possible. Returns how many texts were written, and the reason why it stopped. */
  drain(blockedBy: string): { written: number; reason: string | undefined };
  /** Number of lines dropped so far. */
  dropped(): number;
  hasRoom(): boolean;
};

export type PendingPort = {
  /** Like `fs.writeSync` on a non-blocking descriptor: returns the number of bytes written, and throws the system's errors. */
  put(data: string | Uint8Array): number;
  /** The notice about dropped lines, with its newline. */
  notice(dropped: number, reason: string): string;
};

// oxlint-disable-next-line max-lines-per-function -- each method is short; all of them keep one queue and its counts together
export function createPending(port: PendingPort): Pending {
  let waiting: string[] = [];
  let waitingBytes = 0;
  /** The rest of a line that was written in part. */
  let rest: Uint8Array | undefined;
  /** Dropped lines that were not reported by a notice yet. */
  let untold = 0;
  let dropped = 0;

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

  function takeNotice(reason: string): string {
    const line = port.notice(untold, reason);
    untold = 0;
    return line;
  }

  function queue(text: string): void {
    waiting.push(text);
    waitingBytes += Buffer.byteLength(text);
  }

  function add(text: string, reason: string): void {
    if (untold > 0 ? waitingBytes > RESUME_BYTES : waitingBytes + Buffer.byteLength(text) > WAITING_BYTES) {
      const lines = countLines(text);
      dropped += lines;
      untold += lines;
      return;
    }
    if (untold > 0) queue(takeNotice(reason));
    queue(text);
  }

  return {
    write(text) {
      const reason = put(text);
      if (reason !== undefined && rest === undefined) add(text, reason); // the line was not begun
      return reason;
    },
    add,
    drain(blockedBy) {
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
    },
    dropped: () => dropped,
    hasRoom: () => waitingBytes <= RESUME_BYTES,
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
