import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const LEAST = 16;
const MOST = 512;

/** The problem with a configured secret, or undefined. It must be valid in headers and addresses. Pure. */
export function secretProblem(secret: string): string | undefined {
  if (secret.length < LEAST) return `must have at least ${LEAST} characters`;
  if (secret.length > MOST) return `must have at most ${MOST} characters`;
  return /^[\x21-\x7e]*$/.test(secret) ? undefined : "must be visible ASCII, without spaces";
}

/** Compares two texts in constant time. */
export function sameSecret(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret));
}

/** A seal that can only be made with the secret, and does not reveal it. Pure. */
export function sealOf(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
