import { expect, test } from "vitest";
import { refuse } from "../../../../../src/sessions/access/caller.ts";
import {
  refusalAnswer,
  validationAnswer,
} from "../../../../../src/sessions/dialects/universal-agent/refusal.ts";

test.each([
  ["session_unknown", 404, "Session not found"],
  ["session_id_invalid", 400, "Invalid session id format"],
  ["inbound_unauthorized", 401, "Unauthorized"],
  ["user_forbidden", 403, "Access denied: why"],
  ["workspace_refused", 400, "Workspace path must remain under UA_WORKSPACES_DIR: why"],
  ["session_exists", 409, "why"],
  ["log_unreachable", 503, "why"],
] as const)("%s is %i with detail %j", (code, status, detail) => {
  expect(refusalAnswer(refuse(code, "why"))).toEqual({ status, body: { detail } });
});

test("what is wrong with a body has the form of the program, without the body", () => {
  const problem = { loc: ["body", "user_id"], msg: "Input should be a valid string", type: "string_type" };
  expect(validationAnswer(problem, { request: "req-1", at: 0 })).toEqual({
    status: 422,
    body: {
      error: { code: "VALIDATION_ERROR", message: problem.msg, extra: { fields: [problem] } },
      request_id: "req-1",
      timestamp: "1970-01-01T00:00:00.000Z",
    },
  });
});
