import { describe, expect, test } from "vitest";
import { NO_PREFERENCE, readPrefer } from "../../../../src/shared/http/prefer.ts";

describe("Prefer (RFC 7240)", () => {
  test.each([
    [undefined, NO_PREFERENCE],
    ["respond-async", { async: true, waitMs: undefined }],
    ["Respond-Async; foo=bar", { async: true, waitMs: undefined }],
    ["wait=10", { async: false, waitMs: 10_000 }],
    ['respond-async, wait="5"', { async: true, waitMs: 5000 }],
    ["wait = 3 , wait=9", { async: false, waitMs: 3000 }],
    ["wait=100000", { async: false, waitMs: 30_000 }],
    ["wait=0", { async: false, waitMs: 0 }],
    ["wait=-1, wait=abc, wait, wait=1.5", NO_PREFERENCE],
    ["return=minimal,,;;=", NO_PREFERENCE],
    [`${",".repeat(15)}respond-async${",x".repeat(8000)}`, { async: true, waitMs: undefined }],
    [`${",".repeat(16)}respond-async`, NO_PREFERENCE],
  ])("%.80s", (header, preference) => expect(readPrefer(header)).toEqual(preference));
});
