import type { Conclusion } from "./waiting.ts";

/** Most keys that are remembered, about 250 B each. The broker recognizes older repetitions too, but then a different body is not noticed. */
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
  /** The event was stored before; the conclusion says where. */
  | { kind: "stored"; conclusion: Extract<Conclusion, { kind: "accepted" }> }
  /** The first request is still on its way; `told` is called with its end. */
  | { kind: "following" };

/** Memory of `Idempotency-Key`s within this process. */
export type Repeats = {
  begin(id: string, digest: string, told: Told): Repeat;
  /** The first request has ended. If it failed it is forgotten, so that the key can be tried again. */
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

/** Forgets the oldest key whose request has ended; one that is on its way may have followers. */
function forgetOldest(known: Map<string, Known>): void {
  for (const [id, entry] of known) {
    if (entry.stored === undefined) continue;
    known.delete(id);
    return;
  }
}
