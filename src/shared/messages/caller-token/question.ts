import { parseJsonWithin, QUESTION } from "../../base/json-scan.ts";

/** The turn whose caller's token is asked for, and the key that the answer is encrypted to. */
export type CallerQuestion = { session: string; turn: string; key: PublicKey };

/** A public key of X25519 as a JWK. */
export type PublicKey = { kty: "OKP"; crv: "X25519"; x: string };

/** A key of 32 bytes. */
const KEY = /^[\w-]{43}$/;

/** Reads a question; undefined if it is none. Pure. */
export function readCallerQuestion(bytes: Uint8Array): CallerQuestion | undefined {
  const it = parseJsonWithin(bytes, QUESTION) as Partial<Record<keyof CallerQuestion, unknown>> | undefined;
  if (typeof it !== "object" || it === null) return undefined;
  const { session, turn, key } = it;
  const { kty, crv, x } = (key ?? {}) as Partial<Record<keyof PublicKey, unknown>>;
  if (typeof session !== "string" || typeof turn !== "string") return undefined;
  if (kty !== "OKP" || crv !== "X25519" || typeof x !== "string" || !KEY.test(x)) return undefined;
  return { session, turn, key: { kty, crv, x } };
}
