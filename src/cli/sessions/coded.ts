import { ConnectionError, GatewayError } from "../../client/sessions/index.ts";
import { codedError, ERRORS, type ErrorCode } from "../../shared/base/errors.ts";

/** Translates a failure of the client into one of the catalogue's; others are returned as they are. */
export function codedFailure(error: unknown): unknown {
  if (error instanceof ConnectionError) {
    const text = `the sessions server does not answer: ${error.message}`;
    return codedError("sessions_unreachable", text, { cause: error });
  }
  if (!(error instanceof GatewayError)) return error;
  if (isCode(error.code)) return codedError(error.code, withoutStatus(error.message), { cause: error });
  return codedError("sessions_refused", `${error.code}: ${withoutStatus(error.message)}`, { cause: error });
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** The code says what the status says. */
function withoutStatus(message: string): string {
  return message.replace(/^\d{3}: /, "");
}
