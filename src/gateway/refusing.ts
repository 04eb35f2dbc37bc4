import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpErrorCode } from "../shared/base/errors.ts";
import { refuseUnread, sendProblem } from "../shared/http/reply.ts";
import type { Counts } from "./report/counts.ts";

/** Refuses a request whose body may have been read, or not, and counts it. */
export function refusing(
  counts: Counts,
): (request: IncomingMessage, response: ServerResponse, code: HttpErrorCode, detail: string) => void {
  return (request, response, code, detail) => {
    counts.refused(code);
    if (request.complete) sendProblem(response, code, detail);
    else refuseUnread(request, response, code, detail);
  };
}
