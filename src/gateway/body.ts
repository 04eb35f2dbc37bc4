import type { IncomingMessage } from "node:http";
import type { Clock } from "../shared/clock.ts";
import { SMALL_BODY_BYTES, type Budget } from "./budget.ts";

/** A body that arrived, or why there is none. `release` gives its share of the budget back; call it when the bytes are no longer held. */
export type BodyResult =
  | { kind: "body"; bytes: Uint8Array; release: () => void }
  | { kind: "too_large" }
  /** It took longer than it may. */
  | { kind: "too_slow" }
  /** The client went away. */
  | { kind: "aborted" };

const nothing = (): void => undefined;

/** The whole body must have arrived: 4 MiB take this long at 140 KiB/s. Against slow-loris. */
export const BODY_MS = 30_000;

/**
 * Reads a request's body up to `limit` bytes, for at most `limitMs`. Large ones, and those of unknown size, first get their share of the budget. `start` is
 * called when reading begins: a client that waits for `100 Continue` is told then, not before.
 */
export function readBody(
  request: IncomingMessage,
  options: { limit: number; limitMs: number; budget: Budget; clock: Clock; start: () => void },
  done: (result: BodyResult) => void,
): void {
  const { limit, limitMs, budget, clock, start } = options;
  const length = request.headers["content-length"];
  const expected = length === undefined ? undefined : Number(length);
  if (expected !== undefined && expected > limit) return done({ kind: "too_large" });
  if (expected !== undefined && expected <= SMALL_BODY_BYTES) {
    start();
    return collect(request, { limit, limitMs, clock, release: nothing }, done);
  }
  if (expected === undefined && request.headers["transfer-encoding"] === undefined) {
    return done({ kind: "body", bytes: new Uint8Array(0), release: nothing });
  }
  const gone = (): void => {
    withdraw();
    done({ kind: "aborted" });
  };
  request.once("close", gone);
  const withdraw = budget.acquire(Math.min(expected ?? limit, limit), (release) => {
    request.off("close", gone);
    start();
    collect(request, { limit, limitMs, clock, release }, done);
  });
}

function collect(
  request: IncomingMessage,
  options: { limit: number; limitMs: number; clock: Clock; release: () => void },
  done: (result: BodyResult) => void,
): void {
  const { limit, release } = options;
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let size = 0;
  let open = true;
  const end = (result: BodyResult): void => {
    if (!open) return;
    open = false;
    cancel();
    if (result.kind !== "body") release();
    done(result);
  };
  const cancel = options.clock.after(options.limitMs, () => end({ kind: "too_slow" }));
  request.on("data", (chunk: Buffer) => {
    if (!open) return; // refused already: what still comes is dropped
    size += chunk.length;
    if (size > limit) return end({ kind: "too_large" });
    if (first === undefined) first = chunk;
    else (chunks ??= [first]).push(chunk);
  });
  request.on("end", () => {
    const bytes = chunks === undefined ? (first ?? new Uint8Array(0)) : Buffer.concat(chunks, size);
    end({ kind: "body", bytes, release });
  });
  request.on("error", () => end({ kind: "aborted" }));
  request.on("close", () => end({ kind: "aborted" }));
}
