import { describe, expect, test } from "vitest";
import {
  isFromForeignPage,
  isFromPage,
  isNavigation,
  isOurHost,
  type PageHeaders,
} from "../../../../src/shared/http/web-page.ts";

test.each([
  ["127.0.0.1:4711", true],
  ["localhost", true],
  ["LOCALHOST:9999", true], // forwarded by SSH to another port
  ["[::1]:80", true],
  ["evil.example", false],
  ["127.0.0.1.evil.example:80", false],
  ["localhost:80@evil.example", false],
  ["10.0.0.1:80", false],
  ["", false],
  [undefined, false],
])("host %s is ours: %s", (host, ours) => {
  expect(isOurHost(host)).toBe(ours);
});

const host = "127.0.0.1:4711";
describe("where a request comes from", () => {
  test.each<[string, PageHeaders, "a program" | "our page" | "a foreign page"]>([
    ["nothing is said", { host }, "a program"],
    ["an address typed by hand", { host, "sec-fetch-site": "none" }, "a program"],
    ["a page of this port", { host, "sec-fetch-site": "same-origin", origin: `http://${host}` }, "our page"],
    ["its images", { host, "sec-fetch-site": "same-origin", referer: `http://${host}/x` }, "our page"],
    ["an image of another site", { host, "sec-fetch-site": "cross-site" }, "a foreign page"],
    ["a page of another port", { host, "sec-fetch-site": "same-site" }, "a foreign page"],
    ["a value of the future", { host, "sec-fetch-site": "other" }, "a foreign page"],
    ["an empty value", { host, "sec-fetch-site": "" }, "a foreign page"],
    ["two values", { host, "sec-fetch-site": "none, cross-site" }, "a foreign page"],
    ["a page that hides", { host, origin: "null" }, "a foreign page"],
    ["a page of this port, through a proxy with TLS", { host, origin: `https://${host}` }, "our page"],
    ["another scheme", { host, origin: `ftp://${host}` }, "a foreign page"],
    ["an old browser", { host, referer: "https://evil.example/" }, "a foreign page"],
    ["an old browser, another port", { host, referer: "http://127.0.0.1:80/" }, "a foreign page"],
    [
      "an old browser, a name in the user's place",
      { host, referer: `http://${host}@evil.example/` },
      "a foreign page",
    ],
    ["a referrer that is no address", { host, referer: "evil" }, "a foreign page"],
    ["no host to compare with", { referer: "http://127.0.0.1/" }, "a foreign page"],
  ])("%s", (_, headers, from) => {
    expect(isFromForeignPage(headers)).toBe(from === "a foreign page");
    if (from !== "our page") expect(isFromPage(headers)).toBe(from === "a foreign page");
  });

  test("where no page is ours, same-origin is a page too", () => {
    expect(isFromPage({ host, "sec-fetch-site": "same-origin" })).toBe(true);
    expect(isFromPage({ host, origin: `http://${host}` })).toBe(true);
  });

  test("a link that a person follows", () => {
    const link = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect(isNavigation("GET", link)).toBe(true);
    expect(isNavigation("POST", link)).toBe(false);
    expect(isNavigation("GET", { ...link, "sec-fetch-dest": "iframe" })).toBe(false);
    expect(isNavigation("GET", { "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" })).toBe(false);
    expect(isNavigation("GET", {})).toBe(false);
  });
});
