import { expect, test } from "vitest";
import { PassThrough } from "node:stream";
import { requestOf } from "../../../../src/relay/tunnel/request.ts";
import type { ReadyCredential } from "../../../../src/shared/credentials/index.ts";
import type { Opening } from "../../../../src/shared/messages/tunnel/opening.ts";

const LIMITS = { runnerMs: 35_000, passMs: 300_000 };
const PASS: ReadyCredential = { kind: "ready", headers: { authorization: "Bearer t" }, generation: 1 };

function opening(fields: Partial<Opening>): Opening {
  const body = { kind: "none" } as const;
  return { v: 1, method: "GET", target: "/runs", headers: [], body, gateway: "gw1", id: "1", ...fields };
}

function headersOf(fields: Partial<Opening>, searched = true): string[] {
  return requestOf(opening(fields), { pass: PASS, body: undefined, headLimits: LIMITS, searched }).headers;
}

test("CRED-1: the credential is ours, and no header of the same name is passed on beside it", () => {
  const headers = headersOf({ headers: ["Authorization", "Bearer executor", "cookie", "c=1", "X-A", "1"] });
  expect(headers.slice(0, 4)).toEqual(["X-A", "1", "authorization", "Bearer t"]);
  expect(headers.join("\n")).not.toMatch(/executor|c=1/);
});

test("a request without a user agent gets ours, and one that has its own keeps it", () => {
  expect(headersOf({})).toContain("User-Agent");
  expect(headersOf({ headers: ["user-agent", "mine"] }).filter((it) => /^user-agent$/i.test(it))).toEqual([
    "user-agent",
  ]);
});

test.each([
  ["an upgrade whose answer is searched", { upgrade: "websocket" }, true, false],
  ["an upgrade whose answer is not searched", { upgrade: "websocket" }, false, true],
  ["no upgrade", {}, true, true],
])("extensions of a WebSocket, which may compress its frames: %s", (_name, fields, searched, kept) => {
  const headers = headersOf(
    { headers: ["Sec-WebSocket-Extensions", "permessage-deflate"], ...fields },
    searched,
  );
  expect(headers.includes("permessage-deflate")).toBe(kept);
});

test("a body goes whole or as a stream, with its length if that is known", () => {
  const stream = new PassThrough();
  const given = { pass: PASS, body: stream, headLimits: LIMITS, searched: true };
  const bytes = Buffer.from("{}");
  expect(requestOf(opening({ body: { kind: "whole", bytes } }), given).body).toBe(bytes);
  expect(requestOf(opening({ body: { kind: "frames" } }), given)).toMatchObject({ body: stream });
  expect(requestOf(opening({ body: { kind: "frames" } }), given)).not.toHaveProperty("length");
  expect(requestOf(opening({ body: { kind: "frames", length: 7 } }), given).length).toBe(7);
});

test("a runner's own calls have their own limit", () => {
  const given = { pass: PASS, body: undefined, headLimits: LIMITS, searched: true };
  expect(requestOf(opening({ target: "/runner/runs?runner_id=r" }), given).headLimitMs).toBe(35_000);
  expect(requestOf(opening({ target: "/runs" }), given).headLimitMs).toBe(300_000);
});
