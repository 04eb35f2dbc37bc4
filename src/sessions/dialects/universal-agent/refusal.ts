import { ERRORS, type HttpErrorCode } from "../../../shared/base/errors.ts";
import type { Refusal } from "../../access/caller.ts";

/** What a client gets for a request that is not carried out. */
export type RefusalAnswer = { status: number; body: { detail: string } };

/** Where the program has a status or words of its own, which clients look for. */
const OWN: Partial<Record<HttpErrorCode, { status: number; say: (detail: string) => string }>> = {
  session_unknown: { status: 404, say: () => "Session not found" },
  session_id_invalid: { status: 400, say: () => "Invalid session id format" },
  inbound_unauthorized: { status: 401, say: () => "Unauthorized" },
  user_forbidden: { status: 403, say: (detail) => `Access denied: ${detail}` },
  // its name for the root
  workspace_refused: {
    status: 400,
    say: (detail) => `Workspace path must remain under UA_WORKSPACES_DIR: ${detail}`,
  },
};

/** A refusal in the form of the program. Pure. */
export function refusalAnswer({ code, detail }: Refusal): RefusalAnswer {
  const own = OWN[code];
  return own === undefined
    ? { status: ERRORS[code].status, body: { detail } }
    : { status: own.status, body: { detail: own.say(detail) } };
}

/** A field of a body that is not what it must be. */
export type FieldProblem = { loc: string[]; msg: string; type: string };

/** What a client gets for a body that cannot be read. `request` names the request in the log. Pure. */
export function validationAnswer(
  problem: FieldProblem,
  { request, at }: { request: string; at: number },
): { status: 422; body: object } {
  const error = { code: "VALIDATION_ERROR", message: problem.msg, extra: { fields: [problem] } };
  return { status: 422, body: { error, request_id: request, timestamp: new Date(at).toISOString() } };
}
