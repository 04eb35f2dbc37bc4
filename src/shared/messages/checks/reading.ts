import { PermissionViolationError, RequestError } from "@nats-io/nats-core";
import { errorText, isCoded } from "../../base/errors.ts";

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

/** The permissions violation behind an error. Undefined if the error is another one. */
export function violationOf(error: unknown): PermissionViolationError | undefined {
  const cause = error instanceof RequestError ? error.cause : error;
  return cause instanceof PermissionViolationError ? cause : undefined;
}
