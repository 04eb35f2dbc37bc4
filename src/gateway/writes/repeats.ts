import type { Conclusion } from "./waiting.ts";

/** Keys that are remembered: the broker recognises a repetition beyond that, but then another body goes unnoticed. About 250 B each. */
const MAX_REMEMBERED_KEYS = 10_000;

type Told = (conclusion: Conclusion) => void;
type Known = {
  digest: string;
  stored: Extract<Conclusion, { kind: "accepted" }> | undefined;
  followers: Told[];
};

/** What to do with a request that carries an `Idempotency-Key`. */
export type Repeat =
  | { kind: "first" }
  /** The same key with another body. */
  | { kind: "conflict" }
  /** Stored before; here is where. */
  | { kind: "stored"; conclusion: Extract<Conclusion, { kind: "accepted" }> }
  /** The first one is on its way; `told` will hear how it ends. */
  | { kind: "following" };

/** Memory of `Idempotency-Key`s within this process. */
export type Repeats = {
  begin(id: string, digest: string, told: Told): Repeat;
  /** Tells how the first request ended. A failed one is forgotten, so that the key can be tried again. */
  end(id: string, conclusion: Conclusion): void;
};

export function createRepeats(limit: number = MAX_REMEMBERED_KEYS): Repeats {
  const known = new Map<string, Known>();
  return {
    begin(id, digest, told) {
      const before = known.get(id);
      if (before === undefined) {
        if (known.size >= limit) forgetOldest(known);
        known.set(id, { digest, stored: undefined, followers: [] });
        return { kind: "first" };
      }
      if (before.digest !== digest) return { kind: "conflict" };
      if (before.stored !== undefined) return { kind: "stored", conclusion: before.stored };
      before.followers.push(told);
      return { kind: "following" };
    },
    end(id, conclusion) {
      const entry = known.get(id);
      if (entry === undefined) return;
      if (conclusion.kind === "failed") known.delete(id);
      else entry.stored = { kind: "accepted", stored: conclusion.stored };
      for (const told of entry.followers.splice(0)) told(conclusion);
    },
  };
}

/** Forgets the oldest that is done; one on its way has followers to tell. */
function forgetOldest(known: Map<string, Known>): void {
  for (const [id, entry] of known) {
    if (entry.stored === undefined) continue;
    known.delete(id);
    return;
  }
}
