import type { IncomingMessage } from "node:http";
import type { Clock } from "../base/clock.ts";
import type { Loss } from "./bodies.ts";
import type { BodyBudget, Share } from "./budget.ts";
import { free } from "../base/free.ts";
import { MOST_CRUMBS, Parts } from "./parts.ts";

/** A body that arrived, or why there is none. `release` returns its share of the budget; call it when the bytes are no longer held. */
export type BodyResult =
  | { kind: "body"; bytes: Uint8Array; release: () => void }
  | { kind: "too_large" }
  /** It came in too many tiny pieces. */
  | { kind: "crumbled" }
  /** It took too long. */
  | { kind: "too_slow" }
  /** Its memory was needed for others. */
  | { kind: Loss }
  /** The client disconnected. */
  | { kind: "aborted" };

const nothing = (): void => undefined;

/** The answer to the sender of a body that could not be read. Pure. */
export function refusalOf(
  kind: "too_large" | "crumbled" | "too_slow" | Loss,
  limit: number,
): { code: "body_too_large" | "request_timeout" | "gateway_busy"; detail: string } {
  switch (kind) {
    case "too_large":
      return { code: "body_too_large", detail: `the body is larger than ${limit} bytes` };
    case "crumbled":
      return {
        code: "body_too_large",
        detail: `the body arrives in more than ${MOST_CRUMBS} tiny pieces; send larger pieces`,
      };
    case "too_slow":
      return { code: "request_timeout", detail: "the body took too long to arrive" };
    case "silent":
      return { code: "request_timeout", detail: "the body stopped arriving while others waited" };
    case "full":
      return { code: "gateway_busy", detail: "too many bodies arrive at once" };
  }
}

/** Time limit for the whole body, against slow-loris attacks. 4 MiB take this long at 140 KiB/s. */
export const BODY_MS = 30_000;

export type BodyOptions = {
  /** Largest body, bytes. */
  limit: number;
  limitMs: number;
  budget: BodyBudget;
  clock: Clock;
  /** Called when reading begins. A client that waits for `100 Continue` gets it then. */
  start: () => void;
};

/** Reads a request's body up to `limit` bytes, for at most `limitMs`, as fast as its share of the budget grows. */
export function readBody(
  request: IncomingMessage,
  options: BodyOptions,
  done: (result: BodyResult) => void,
): void {
  const length = request.headers["content-length"];
  const expected = length === undefined ? undefined : Number(length);
  if (expected !== undefined && expected > options.limit) return done({ kind: "too_large" });
  const framed = expected !== undefined || request.headers["transfer-encoding"] !== undefined;
  if (!framed && request.httpVersionMajor < 2)
    // in HTTP/2 the stream says where a body ends
    return done({ kind: "body", bytes: new Uint8Array(0), release: nothing });
  options.start();
  collect(request, expected, options, done);
}

function collect(
  request: IncomingMessage,
  expected: number | undefined,
  { limit, limitMs, clock, budget }: BodyOptions,
  done: (result: BodyResult) => void,
): void {
  const parts = new Parts();
  let open = true;
  let share: Share | undefined;
  let release: (() => void) | undefined;
  let cancel = (): void => undefined;
  const end = (result: BodyResult): void => {
    if (!open) return;
    open = false;
    cancel();
    if (result.kind !== "body") (release ?? share?.leave)?.();
    parts.free(); // the request object lives until it is answered
    done(result);
  };
  cancel = clock.after(limitMs, () => end({ kind: "too_slow" }));
  request.on("data", (chunk: Buffer) => {
    if (!open) return; // the body is already refused, so the rest is dropped
    if (parts.size + chunk.length > limit) return end({ kind: "too_large" });
    parts.add(chunk);
    if (parts.crumbled) return end({ kind: "crumbled" });
    if (parts.size === expected && share === undefined) {
      // the usual case: the body came in one piece
      release = budget.hold(parts.size);
      if (release === undefined) end({ kind: "full" });
      return;
    }
    share ??= budget.open({ lose: (kind) => end({ kind }), resume: () => void request.resume() });
    if (!share.take(chunk.length) && parts.size !== expected) request.pause();
  });
  request.on("end", () => {
    if (!open) return;
    share?.complete();
    const { bytes, own } = parts.take();
    const leave = (): void => {
      share?.leave();
      if (own) free(bytes);
    };
    end({ kind: "body", bytes, release: release ?? leave });
  });
  request.on("error", () => end({ kind: "aborted" }));
  request.on("close", () => end({ kind: "aborted" }));
}
