const NOTHING: Buffer = Buffer.alloc(0);
/** Length of `HTTP/1.1 1xx`: this many bytes show which kind of answer it is. */
const STATUS_END = 12;
const CR = 0x0d;
const LF = 0x0a;

/** The bytes that come on one connection, without informational answers. */
export type Interim = {
  /** A request goes out: what comes next begins an answer. */
  expect(): void;
  /** The part of these bytes that should be read. */
  take(chunk: Buffer): Buffer;
  /** What was held back when the connection ends. */
  end(): Buffer;
};

function kindOf(bytes: Buffer): "interim" | "final" | "unknown" {
  const text = bytes.toString("latin1", 0, STATUS_END);
  if (text.length === STATUS_END)
    return /^HTTP\/1\.[01] 1\d\d$/.test(text) && !text.endsWith("101") ? "interim" : "final";
  return "HTTP/1.".startsWith(text.slice(0, 7)) ? "unknown" : "final";
}

/**
 * Takes informational answers (1xx) out of what a server sends, before the HTTP client sees them: undici breaks off at a `100 Continue` that it did not ask
 * for, and starts its time limit anew at any other. 101 stays, because it ends HTTP. Holds back at most the first bytes of a status line.
 */
export function createInterim(): Interim {
  /** `status`: an answer begins. `skip`: inside the head of an informational one. `pass`: inside the real one. */
  let phase: "status" | "skip" | "pass" = "pass";
  let held = NOTHING;
  /** Is the line under way, of a head that is skipped, empty so far? */
  let emptyLine = false;

  /** Where the head that is skipped ends, or -1. */
  function endOfHead(bytes: Buffer): number {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === LF && emptyLine) return at + 1;
      if (byte !== CR) emptyLine = byte === LF;
    }
    return -1;
  }

  return {
    expect() {
      phase = "status";
      held = NOTHING;
    },
    take(chunk) {
      if (phase === "pass") return chunk;
      let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      held = NOTHING;
      while (bytes.length > 0) {
        if (phase === "skip") {
          const end = endOfHead(bytes);
          if (end < 0) return NOTHING;
          bytes = bytes.subarray(end);
          phase = "status";
          continue;
        }
        const kind = kindOf(bytes);
        if (kind === "unknown") {
          held = bytes;
          return NOTHING;
        }
        if (kind === "final") {
          phase = "pass";
          return bytes;
        }
        phase = "skip";
        emptyLine = false;
      }
      return NOTHING;
    },
    end() {
      const rest = held;
      held = NOTHING;
      return rest;
    },
  };
}
