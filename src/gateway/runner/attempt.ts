import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Outlet } from "../tunnel/exchange.ts";

/** A whole answer of the coordinator, or of the relay for it. */
export type Answer = {
  status: number;
  statusText: string;
  headers: string[];
  body: Uint8Array;
  trailers: string[];
};

/** What one try through the tunnel came to. */
export type Tried =
  | { kind: "answer"; answer: Answer }
  /** The answer is too long to be held: it goes to the client as it comes, and nothing is left to do. */
  | { kind: "passing" }
  | { kind: "failed"; code: HttpErrorCode; detail: string }
  /** No answer came within the limit. */
  | { kind: "late" }
  /** The call ended meanwhile. */
  | { kind: "ended" };

/** Longest answer that is held until it is whole. A relay reads no longer one either. */
export const MAX_ANSWER_BYTES: number = 4 * 1024 * 1024;

/** Bytes of answers that all calls hold together; without room an answer goes through unread. */
export type Room = { take(bytes: number): boolean; give(bytes: number): void };

export function createRoom(limit: number): Room {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > limit) return false;
      held += bytes;
      return true;
    },
    give(bytes) {
      held -= bytes;
    },
  };
}

/**
 * Sends a request once and reads the whole answer before any of it goes to the runner, so that a failure in the middle can still be hidden. `open`
 * sends the request, and returns the function that abandons it.
 */
export function tryOnce(deps: {
  open: (outlet: Outlet) => () => void;
  /** For an answer that is too long. */
  plain: Outlet;
  limitMs: number;
  signal: AbortSignal;
  room: Room;
  clock: Clock;
}): Promise<Tried> {
  const { plain, signal, room } = deps;
  return new Promise((resolve) => {
    const scope = new DisposableStack();
    let leave = (): void => undefined;
    const finish = (tried: Tried): void => {
      if (scope.disposed) return;
      scope.dispose();
      resolve(tried);
    };
    const held = hold(room, plain, finish);
    scope.defer(held.free);
    const ended = (): void => {
      leave();
      if (held.passing) plain.fail("gateway_stopping", "the call ended");
      finish({ kind: "ended" });
    };
    const late = (): void => {
      leave();
      finish({ kind: "late" });
    };
    scope.defer(deps.clock.after(deps.limitMs, late));
    if (signal.aborted) return finish({ kind: "ended" });
    signal.addEventListener("abort", ended, { once: true });
    scope.defer(() => {
      if (!held.passing) signal.removeEventListener("abort", ended); // what is passing on is still broken off by it
    });
    leave = deps.open({
      ...held.outlet,
      // the caller reports the failure, or tries again
      fail(code, detail) {
        if (held.passing) plain.fail(code, detail);
        else finish({ kind: "failed", code, detail });
      },
    });
  });
}

/** Collects an answer. Once it is too long, what was collected and everything behind it go to the client. */
function hold(
  room: Room,
  plain: Outlet,
  finish: (tried: Tried) => void,
): { outlet: Omit<Outlet, "fail">; readonly passing: boolean; free: () => void } {
  let head: { status: number; statusText: string; headers: string[] } | undefined;
  let chunks: Buffer[] = [];
  let bytes = 0;
  let passing = false;

  function pass(): void {
    passing = true;
    const { status, statusText, headers } = head ?? { status: 502, statusText: "", headers: [] };
    plain.head(status, statusText, headers, false);
    for (const chunk of chunks) plain.data(chunk, () => undefined);
    finish({ kind: "passing" });
  }

  return {
    get passing() {
      return passing;
    },
    free() {
      room.give(bytes);
      bytes = 0;
      chunks = [];
    },
    outlet: {
      head(status, statusText, headers) {
        head = { status, statusText, headers };
      },
      data(chunk, done) {
        if (!passing && (bytes + chunk.length > MAX_ANSWER_BYTES || !room.take(chunk.length))) pass();
        if (passing) return plain.data(chunk, done);
        bytes += chunk.length;
        chunks.push(Buffer.from(chunk));
        done();
      },
      end(trailers) {
        if (passing) return plain.end(trailers);
        const known = head ?? { status: 502, statusText: "", headers: [] };
        finish({ kind: "answer", answer: { ...known, body: Buffer.concat(chunks), trailers } });
      },
    },
  };
}
