import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failureOf, type Failure, type HttpOutcome } from "../../../../src/shared/credentials/failure.ts";
import { SecretRegistry } from "../../../../src/shared/base/logger.ts";

const issuer = new URL("https://id.example/realms/a");
const JSON_TYPE = { "content-type": "application/json" };

function answered(status: number, body: string, headers: Record<string, string> = JSON_TYPE): HttpOutcome {
  return { kind: "answered", status, headers: new Headers(headers), body };
}

function tokenFailure(outcome: HttpOutcome | undefined): Failure {
  return failureOf({ step: "token", issuer }, outcome, "complaint", (text) => text);
}

describe("code and reason of a failed attempt", () => {
  test.each<[string, HttpOutcome | undefined, Failure["code"], RegExp]>([
    [
      "wrong secret",
      answered(401, '{"error":"invalid_client"}'),
      "credentials_invalid",
      /401 \(invalid_client\)$/,
    ],
    [
      "wrong audience",
      answered(403, '{"error":"access_denied","error_description":"Service not enabled"}'),
      "credentials_invalid",
      /403 \(access_denied: Service not enabled\)$/,
    ],
    ["wrong scope", answered(400, '{"error":"invalid_scope"}'), "credentials_invalid", /invalid_scope/],
    ["401 without a body", answered(401, "", {}), "credentials_invalid", /401 \(no content type\)$/],
    ["400 of something between", answered(400, "<html>"), "token_unavailable", /400/],
    ["401 of something between", answered(401, " <html>"), "token_unavailable", /401/],
    ["403 of something between", answered(403, "<!doctype html>"), "token_unavailable", /403/],
    ["407 of a proxy", answered(407, "<html>"), "token_unavailable", /407/],
    ["407 of a proxy, in JSON", answered(407, '{"error":"login"}'), "token_unavailable", /407/],
    ["502 of a proxy", answered(502, "<html>"), "token_unavailable", /502/],
    ["a page with 200 that is called JSON", answered(200, "<html>"), "token_unavailable", /200/],
    ["rate limit", answered(429, '{"error":"too_many_requests"}'), "token_unavailable", /429/],
    ["busy", answered(503, '{"error":"temporarily_unavailable"}'), "token_unavailable", /503/],
    [
      "broken, with a code of the client's",
      answered(500, '{"error":"invalid_client"}'),
      "token_unavailable",
      /500/,
    ],
    [
      "HTML with 200",
      answered(200, "<html>", { "content-type": "text/html; charset=utf-8" }),
      "token_unavailable",
      /200 .*\(text\/html\): complaint/,
    ],
    ["redirect", answered(302, "", { location: "/login" }), "token_unavailable", /302/],
    [
      "no connection",
      { kind: "unreachable", text: "fetch failed: connect ECONNREFUSED" },
      "token_unavailable",
      /cannot be reached: .*ECONNREFUSED/,
    ],
    ["no request made", undefined, "token_unavailable", /complaint/],
  ])("%s", (_title, outcome, code, reason) => {
    const failure = tokenFailure(outcome);
    expect(failure.code).toBe(code);
    expect(failure.reason).toMatch(reason);
    expect(failure.reason).toContain("https://id.example");
  });

  test("a discovery that is refused is no verdict on the credentials", () => {
    const failure = failureOf({ step: "discovery", issuer }, answered(403, "{}"), "", (text) => text);
    expect(failure).toMatchObject({ code: "token_unavailable" });
    expect(failure.reason).toMatch(/^discovery at/);
  });

  test("Retry-After in seconds is handed on", () => {
    expect(tokenFailure(answered(429, "{}", { "retry-after": "17" })).retryAfterMs).toBe(17_000);
    expect(tokenFailure(answered(429, "{}", { "retry-after": "soon" })).retryAfterMs).toBeUndefined();
  });

  test("CRED-1 whatever an issuer echoes, the reason is one short line without the secret", () => {
    const secret = "s3cr3t-value+with/specials";
    const secrets = new SecretRegistry();
    secrets.add(secret);
    const echo = fc
      .tuple(
        fc.string({ unit: "binary-ascii" }),
        fc.constantFrom(secret, encodeURIComponent(secret)),
        fc.string(),
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(echo, echo, fc.constantFrom(200, 400, 401, 500), (error, description, status) => {
        const body = JSON.stringify({ error, error_description: description });
        const failure = failureOf({ step: "token", issuer }, answered(status, body), error, (text) =>
          secrets.hide(text),
        );
        expect(failure.reason).not.toContain("s3cr3t");
        expect(failure.reason).not.toMatch(/[\n\r\u2028]/);
        expect(failure.reason.length).toBeLessThan(600);
      }),
    );
  });
});
