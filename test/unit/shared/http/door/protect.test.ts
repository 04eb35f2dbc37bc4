import { expect, test } from "vitest";
import { isOwnPage, SAFE_HEADERS } from "../../../../../src/shared/http/door/protect.ts";

const host = "localhost:4711";
test.each<[string, Parameters<typeof isOwnPage>[0], boolean]>([
  ["our own form", { host, origin: "http://localhost:4711", "sec-fetch-site": "same-origin" }, true],
  ["a program that is no browser", { host }, true],
  ["another site", { host, origin: "https://evil.example", "sec-fetch-site": "cross-site" }, false],
  [
    "another port of this machine",
    { host, origin: "http://localhost:80", "sec-fetch-site": "same-site" },
    false,
  ],
  ["another name of this machine", { host, origin: "http://127.0.0.1:4711" }, false],
  ["a page that hides where it is from", { host, origin: "null" }, false],
  ["a browser without an Origin", { host, "sec-fetch-site": "cross-site" }, false],
  ["an address typed by hand", { host, "sec-fetch-site": "none" }, false],
])("%s may act: %s", (_, headers, own) => {
  expect(isOwnPage(headers)).toBe(own);
});

test("the policy allows nothing that is inline, foreign or framed", () => {
  const policy = SAFE_HEADERS["content-security-policy"] ?? "";
  expect(policy).toMatch(/^default-src 'none';/);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  expect(SAFE_HEADERS["cache-control"]).toBe("no-store");
});
