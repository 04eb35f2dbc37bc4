import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { codeOf, nameOf, statusOfEnd } from "../../../../../src/sessions/dialects/ambient/status.ts";
import type { HttpErrorCode } from "../../../../../src/shared/base/errors.ts";

test.each<[HttpErrorCode, Code]>([
  ["inbound_unauthorized", Code.Unauthenticated],
  ["scope_missing", Code.PermissionDenied],
  ["user_forbidden", Code.PermissionDenied],
  ["host_refused", Code.PermissionDenied],
  ["session_unknown", Code.NotFound],
  ["ambiguous_session", Code.FailedPrecondition],
  ["field_missing", Code.InvalidArgument],
  ["field_invalid", Code.InvalidArgument],
  ["session_id_invalid", Code.InvalidArgument],
  ["body_too_large", Code.ResourceExhausted],
  ["sessions_full", Code.ResourceExhausted],
  ["too_many_writes", Code.ResourceExhausted],
  ["too_many_watchers", Code.ResourceExhausted],
  ["turns_full", Code.ResourceExhausted],
  ["log_unreachable", Code.Unavailable],
  ["gateway_stopping", Code.Unavailable],
  ["issuer_unreachable", Code.Unavailable],
  ["internal", Code.Internal],
])("%s is status %i", (code, status) => {
  expect(codeOf(code)).toBe(status);
});

test("a watch ends with the status of what ended it", () => {
  expect(statusOfEnd("deleted").code).toBe(Code.NotFound);
  expect(statusOfEnd("auth").code).toBe(Code.Unauthenticated);
  expect(statusOfEnd("stopping").code).toBe(Code.Unavailable);
  expect(statusOfEnd("failed").code).toBe(Code.Unavailable);
  expect(statusOfEnd("stuck").code).toBe(Code.ResourceExhausted);
});

test("statuses have the names of the Connect protocol", () => {
  expect(nameOf(Code.Unauthenticated)).toBe("unauthenticated");
  expect(nameOf(Code.DeadlineExceeded)).toBe("deadline_exceeded");
});
