import type { IncomingMessage } from "node:http";
import { SMALL_BODY_BYTES, type Budget } from "./budget.ts";

/** A body that arrived, or why there is none. `release` gives its share of the budget back; call it when the bytes are no longer held. */
export type BodyResult =
  | { kind: "body"; bytes: Uint8Array; release: () => void }
  | { kind: "too_large" }
  /** The client went away. */
  | { kind: "aborted" };

const nothing = (): void => undefined;

/**
 * Reads a request's body up to `limit` bytes. Large ones, and those of unknown size, first get their share of the budget. `start` is
 * called when reading begins: a client that waits for `100 Continue` is told then, not before.
 */
export function readBody(
  request: IncomingMessage,
  options: { limit: number; budget: Budget; start: () => void },
  done: (result: BodyResult) => void,
): void {
  const { limit, budget, start } = options;
  const length = request.headers["content-length"];
  const expected = length === undefined ? undefined : Number(length);
  if (expected !== undefined && expected > limit) return done({ kind: "too_large" });
  if (expected !== undefined && expected <= SMALL_BODY_BYTES) {
    start();
    return collect(request, limit, nothing, done);
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
    collect(request, limit, release, done);
  });
}

function collect(
  request: IncomingMessage,
  limit: number,
  release: () => void,
  done: (result: BodyResult) => void,
): void {
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let size = 0;
  let open = true;
  const end = (result: BodyResult): void => {
    if (!open) return;
    open = false;
    if (result.kind !== "body") release();
    done(result);
  };
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
  if (release === nothing) return; // a client that goes away needs no word then
  request.on("error", () => end({ kind: "aborted" }));
  request.on("close", () => end({ kind: "aborted" }));
}
