import { Code, ConnectError } from "@connectrpc/connect";
import type { HttpErrorCode } from "../../../shared/base/errors.ts";
import { ERRORS } from "../../../shared/base/errors.ts";
import type { Refusal } from "../../access/caller.ts";
import type { Closing } from "../../stream/closing.ts";

/** Where the HTTP status does not say it. A client repeats what is unavailable, and asks for a new token where it is not authenticated. */
const OWN: Partial<Record<HttpErrorCode, Code>> = {
  body_too_large: Code.ResourceExhausted,
  ambiguous_session: Code.FailedPrecondition,
  session_exists: Code.FailedPrecondition,
  cursor_foreign: Code.OutOfRange,
  method_not_allowed: Code.Unimplemented,
  not_found: Code.Unimplemented,
  request_timeout: Code.DeadlineExceeded,
};

const BY_STATUS: Readonly<Record<number, Code>> = {
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  409: Code.FailedPrecondition,
  429: Code.ResourceExhausted,
  500: Code.Internal,
  503: Code.Unavailable,
};

/** The status of a refusal. Pure. */
export function codeOf(code: HttpErrorCode): Code {
  return OWN[code] ?? BY_STATUS[ERRORS[code].status] ?? Code.InvalidArgument;
}

/** A refusal as these protocols say it. Pure. */
export function statusOf({ code, detail }: Pick<Refusal, "code" | "detail">): ConnectError {
  return new ConnectError(detail, codeOf(code));
}

/** The status with which a watch ends. Pure. */
export function statusOfEnd(why: Closing): ConnectError {
  switch (why) {
    case "deleted":
      return new ConnectError("the session was deleted", Code.NotFound);
    case "auth":
      return new ConnectError("the key or token is not valid any more", Code.Unauthenticated);
    case "stopping":
      return new ConnectError("the server is stopping; come back", Code.Unavailable);
    case "stuck":
      return new ConnectError("the client took nothing for a while", Code.ResourceExhausted);
    case "failed":
      return new ConnectError("the log cannot be read", Code.Unavailable);
    case "idle":
    case "flood":
    case "over":
    case "gone":
      return new ConnectError("the client left", Code.Canceled);
  }
}

/** What clients of the Connect protocol call a status: `resource_exhausted`. Pure. */
export function nameOf(code: Code): string {
  return Code[code].replaceAll(/(?!^)[A-Z]/g, "_$&").toLowerCase();
}
