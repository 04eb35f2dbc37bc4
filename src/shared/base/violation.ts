import { PermissionViolationError, RequestError } from "@nats-io/nats-core";

/** The permissions violation behind an error of the broker's client. Undefined if the error is another one. */
export function violationOf(error: unknown): PermissionViolationError | undefined {
  const cause = error instanceof RequestError ? error.cause : error;
  return cause instanceof PermissionViolationError ? cause : undefined;
}
