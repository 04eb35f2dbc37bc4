import { createHash } from "node:crypto";
import { withoutMark } from "../../shared/base/byte-order-mark.ts";
import { judgementOf, type Command } from "./command.ts";
import type { RunnerIdentity } from "./rebuild.ts";
import type { WriteKind } from "../contract/writes.ts";

/** How much of a body is read before others have their turn: at most a millisecond of work (15 ns a byte). Usual bodies are shorter and read at once. */
const SLICE_BYTES: number = 64 * 1024;

/** A body that waits to be judged. */
export type Judged = {
  write: WriteKind;
  session: string | undefined;
  bytes: Uint8Array;
  /** Is its digest wanted? */
  digest: boolean;
};

export type Judge = (body: Judged, then: (command: Command, digest: string | undefined) => void) => void;

/**
 * Judges bodies: usual ones at once, and large ones in slices. In each turn of the event loop one slice is read, in rotation, however many bodies wait. So
 * large bodies cost every other request a millisecond, and not the sum of them all (ISOLATE-1).
 */
export function createJudge(
  runner: RunnerIdentity,
  nextTurn: (run: () => void) => void = setImmediate,
): Judge {
  const waiting: (() => boolean)[] = [];

  let scheduled = false;

  function schedule(): void {
    if (scheduled || waiting.length === 0) return;
    scheduled = true;
    nextTurn(turn);
  }

  function turn(): void {
    scheduled = false;
    const next = waiting.shift();
    if (next !== undefined && !next()) waiting.push(next);
    schedule();
  }

  return ({ write, session, bytes: arrived, digest }, then) => {
    const bytes = withoutMark(arrived); // it is forwarded without one, too
    const judgement = judgementOf(write, session, bytes, runner);
    const hash = digest ? createHash("sha256") : undefined;
    let at = 0;
    /** True if it is done. */
    const slice = (): boolean => {
      const command = judgement.advance(SLICE_BYTES);
      if (command === undefined || command.ok) hash?.update(bytes.subarray(at, (at += SLICE_BYTES)));
      if (command === undefined) return false;
      then(command, command.ok ? hash?.digest("base64url") : undefined);
      return true;
    };
    if (bytes.length <= SLICE_BYTES) slice();
    else {
      waiting.push(slice);
      schedule();
    }
  };
}
