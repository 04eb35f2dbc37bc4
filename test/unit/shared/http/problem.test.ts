import { expect, test } from "vitest";
import { problemOf } from "../../../../src/shared/http/problem.ts";
import { ERRORS, type ErrorCode, type HttpErrorCode } from "../../../../src/shared/base/errors.ts";

test("every problem has the fields of the catalogue, and 429 and 503 say when to come back", () => {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter(
    (code): code is HttpErrorCode => "status" in ERRORS[code],
  );
  expect(codes.length).toBeGreaterThan(20);
  for (const code of codes) {
    const { status, headers, body } = problemOf(code, "why");
    expect(JSON.parse(body.toString())).toEqual({
      type: `urn:runner-relay:error:${code}`,
      title: ERRORS[code].title,
      status,
      detail: "why",
      code,
    });
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(headers["retry-after"] !== undefined, code).toBe(status === 503 || status === 429);
  }
});
