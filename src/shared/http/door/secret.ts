import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const LEAST = 16;
const MOST = 512;

/** What is wrong with a secret that somebody chose; undefined if nothing is. It stands in headers and addresses. Pure. */
export function secretProblem(secret: string): string | undefined {
  if (secret.length < LEAST) return `must have at least ${LEAST} characters`;
  if (secret.length > MOST) return `must have at most ${MOST} characters`;
  return /^[\x21-\x7e]*$/.test(secret) ? undefined : "must be visible ASCII, without spaces";
}

/** Compares in the same time for every text. */
export function sameSecret(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret));
}

/** A text that only somebody with the secret can make, and that does not give the secret away. Pure. */
export function sealOf(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
