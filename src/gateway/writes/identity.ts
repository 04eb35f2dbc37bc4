import { createHmac } from "node:crypto";
import { IDEMPOTENCY_KEY } from "../contract/ids.ts";
import type { WriteKind } from "../contract/writes.ts";
import type { RunReport } from "../route/routes.ts";

const KEY = new RegExp(IDEMPOTENCY_KEY.pattern);

/** True for a key that can be used: visible ASCII and inner spaces, not too long. */
export function isUsableKey(key: string): boolean {
  return key.length <= IDEMPOTENCY_KEY.maxLength && KEY.test(key);
}

/** Gives the id of an event with an `Idempotency-Key`. */
export type KeyedIds = (session: string, write: WriteKind, key: string, run?: RunReport) => string;

/**
 * The same id for the same key on the same route and session, in any process that has the secret, so that the broker recognizes the
 * repetition by it. No one else can compute it, although others know session and key: an attacker who could would publish under it first, and the broker would
 * take the real event for the repetition (ADR 0018). Pure.
 */
export function keyedIds(secret: string): KeyedIds {
  return (session, write, key, run) =>
    createHmac("sha256", secret)
      .update(
        JSON.stringify(run === undefined ? [session, write, key] : [session, write, run.id, run.report, key]),
      )
      .digest("hex")
      .slice(0, 32);
}
