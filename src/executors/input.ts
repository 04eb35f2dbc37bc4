import { readLines } from "../agents/lines.ts";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import { readInstruction } from "./instruction.ts";
import { LINE, type JsonObject } from "./invocation.ts";

/** Most turns that wait while one runs. A runner waits for the end of each, so that there is none. */
const MOST_TURNS = 16;

/** What comes after a turn. */
export type Next =
  | { kind: "turn"; parameters: JsonObject }
  /** Nothing more comes. */
  | { kind: "end" }
  /** What came cannot be taken, and nothing behind it can be known. */
  | { kind: "broken"; why: string };

/** What a runner says on stdin. */
export type Input = {
  /** The first line, empty if there is none. Rejects if it is too long. */
  first: Promise<Uint8Array>;
  next(): Promise<Next>;
  /** It has said that the executor is to end, in a turn or between two. */
  shutdown: AbortSignal;
  /** Nothing more comes behind what was read. */
  ended(): boolean;
};

/**
 * How soon the end of stdin comes behind a shutdown that a script wrote in advance, milliseconds. Then it stands behind the turns before it. A runner keeps stdin open: it wants the
 * agent to stop now.
 */
const SCRIPT_MS = 250;

/** Reads a line after the other, also while a turn runs, so that a shutdown is heard in it. */
export function readInput(
  bytes: AsyncIterable<Uint8Array>,
  { warn, clock }: { warn: (text: string) => void; clock: Clock },
): Input {
  const first = Promise.withResolvers<Uint8Array>();
  const shutdown = new AbortController();
  const waiting: Next[] = [];
  let ended = false;
  let wake = (): void => undefined;
  let taken = (): void => undefined;

  function add(next: Next): void {
    waiting.push(next);
    wake();
  }

  async function read(): Promise<void> {
    const lines = readLines(bytes, LINE.bytes);
    const { value = new Uint8Array() } = await lines.next();
    first.resolve(value);
    for await (const line of lines) {
      const instruction = readInstruction(line);
      if (instruction.kind === "shutdown") return end(lines);
      if (instruction.kind === "end") return;
      if (instruction.kind === "ignored") warn(instruction.why);
      else add(instruction);
      while (waiting.length >= MOST_TURNS) await new Promise<void>((resolve) => (taken = resolve));
    }
  }

  async function end(lines: AsyncGenerator<Buffer>): Promise<void> {
    add({ kind: "end" });
    const cancel = clock.after(SCRIPT_MS, () => shutdown.abort());
    const { done } = await lines.next();
    if (done === true) cancel();
  }

  first.promise.catch(() => undefined); // also if nobody asks for it
  void read().then(
    () => {
      ended = true;
      add({ kind: "end" });
    },
    (error: unknown) => {
      first.reject(error);
      add({ kind: "broken", why: errorText(error) });
    },
  );
  return {
    first: first.promise,
    shutdown: shutdown.signal,
    ended: () => ended,
    async next() {
      for (;;) {
        const next = waiting.shift();
        taken();
        if (next !== undefined) return next;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
