import { expect, test } from "vitest";
import { createPageGuard, listOf, readOrigins } from "../../../../src/sessions/access/page-guard.ts";

const APP = "https://app.example";
const guard = createPageGuard({ listen: "10.1.2.3", hosts: ["Relay.example"], origins: new Set([APP]) });

test.each([
  [{ host: "127.0.0.1:8002" }, undefined],
  [{ host: "localhost" }, undefined],
  [{ host: "relay.EXAMPLE:443" }, undefined],
  [{ host: "10.1.2.3:8002" }, undefined],
  [{}, undefined],
  [{ host: "evil.example" }, "host_refused"],
  [{ host: "relay.example.evil.example" }, "host_refused"],
  [{ host: "evil.example", origin: APP }, "host_refused"],
  [{ host: "localhost", origin: APP, "sec-fetch-site": "cross-site" }, undefined],
  [{ host: "localhost", origin: "https://evil.example" }, "origin_refused"],
  [{ host: "localhost", origin: "http://app.example" }, "origin_refused"],
  [{ host: "localhost", origin: "https://app.example:444" }, "origin_refused"],
  [{ host: "localhost", origin: "null" }, "origin_refused"],
  [{ host: "localhost", "sec-fetch-site": "cross-site" }, "origin_refused"],
  [{ host: "localhost", "sec-fetch-site": "same-site" }, "origin_refused"],
  [{ host: "localhost", "sec-fetch-site": "none" }, undefined],
  [{ host: "localhost", referer: "https://app.example/x" }, "origin_refused"],
])("%j", (headers, code) => {
  expect(guard(headers)?.code).toBe(code);
});

test("a server on all addresses takes every name, until its names are listed", () => {
  const at = (hosts: string[]): ReturnType<typeof createPageGuard> =>
    createPageGuard({ listen: "0.0.0.0", hosts, origins: new Set() });
  expect(at([])({ host: "whatever.example" })).toBeUndefined();
  expect(at(["relay.example"])({ host: "whatever.example" })?.code).toBe("host_refused");
  expect(at(["relay.example"])({ host: "relay.example:8002" })).toBeUndefined();
});

test("origins are read from a list", () => {
  expect(listOf(" a, ,b,")).toEqual(["a", "b"]);
  expect(readOrigins("https://app.example, http://localhost:5173/")).toEqual({
    ok: true,
    origins: new Set(["https://app.example", "http://localhost:5173"]),
  });
  for (const wrong of [
    "*",
    "app.example",
    "https://app.example/path",
    "https://*.example.org",
    "null",
    "file:///x",
  ])
    expect(readOrigins(`http://localhost, ${wrong}`)).toEqual({ ok: false, wrong });
});
