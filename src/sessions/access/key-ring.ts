import { createHmac, timingSafeEqual } from "node:crypto";
import type { Caller } from "./caller.ts";
import { sha256, type Key } from "./keys.ts";

/** The keys that are valid now. */
export type KeyRing = {
  /** The caller with this key. Takes about the same time for every text. */
  find(secret: string): Caller | undefined;
  /** Replaces the keys. Callers of those that are gone, or that may do something else now, are ended. */
  replace(keys: readonly Key[]): void;
};

type Held = { key: Key; digest: Buffer; caller: Caller; end: AbortController };

/**
 * Keeps keys by their hash under a secret of this process, so that the time of a look-up says nothing about the hashes that are kept; the digests are
 * compared in constant time. `secret`: 32 random bytes.
 */
export function createKeyRing(secret: Uint8Array, keys: readonly Key[]): KeyRing {
  let held = new Map<string, Held>();
  const digestOf = (hash: string): Buffer => createHmac("sha256", secret).update(hash).digest();

  function hold(key: Key): Held {
    const end = new AbortController();
    const { user, scopes } = key;
    const caller = { user, scopes, open: false, ended: end.signal };
    return { key, digest: digestOf(key.sha256), caller, end };
  }

  function replace(next: readonly Key[]): void {
    const before = held;
    held = new Map();
    for (const key of next) {
      const place = digestOf(key.sha256).toString("hex");
      const same = before.get(place);
      held.set(place, same !== undefined && isSame(same.key, key) ? same : hold(key));
    }
    for (const [place, old] of before) if (held.get(place) !== old) old.end.abort();
  }

  replace(keys);
  return {
    find(given) {
      const digest = digestOf(sha256(given));
      const found = held.get(digest.toString("hex"));
      return found !== undefined && timingSafeEqual(found.digest, digest) ? found.caller : undefined;
    },
    replace,
  };
}

function isSame(a: Key, b: Key): boolean {
  return a.sha256 === b.sha256 && a.user === b.user && a.scopes.symmetricDifference(b.scopes).size === 0;
}
