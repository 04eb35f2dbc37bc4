import { errorText, isCoded } from "../../base/errors.ts";
import { violationOf } from "../../base/violation.ts";

/** Time limit of each check. */
export const LOOK_MS = 3000;

const NO_ANSWER = `no answer within ${LOOK_MS / 1000} s`;

/** A value that was read, or the reason why it could not be. */
export type Reading<T> = { kind: "read"; value: T } | { kind: "failed"; why: string };

/** Reads something within {@link LOOK_MS}. Never throws. */
export async function reading<T>(work: () => Promise<T>): Promise<Reading<T>> {
  const late = Promise.withResolvers<Reading<T>>();
  const timer = setTimeout(() => late.resolve({ kind: "failed", why: NO_ANSWER }), LOOK_MS);
  const read = async (): Promise<Reading<T>> => {
    try {
      return { kind: "read", value: await work() };
    } catch (error) {
      return { kind: "failed", why: whyOf(error) };
    }
  };
  try {
    return await Promise.race([read(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function whyOf(error: unknown): string {
  if (violationOf(error) !== undefined) return "this login lacks the permission to look";
  if (error instanceof DOMException && error.name === "TimeoutError") return NO_ANSWER; // the request's own time limit was shorter
  return isCoded(error) ? `${error.code}: ${error.message}` : errorText(error);
}
