import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchRoute } from "../../../src/gateway/routes.ts";

function shown(method: string, target: string): string {
  const route = matchRoute(method, target);
  return route.kind === "write" ? `${route.write} ${route.session ?? "-"}` : route.kind;
}

describe("routes", () => {
  test.each([
    ["POST", "/events", "event -"],
    ["POST", "/bind", "bind -"],
    ["PATCH", "/metadata", "metadata -"],
    ["POST", "/sessions/s1/events", "event s1"],
    ["POST", "/sessions/s1/bind", "bind s1"],
    ["PATCH", "/sessions/s1/metadata", "metadata s1"],
    ["GET", "/events", "other"],
    ["POST", "/metadata", "other"],
    ["PUT", "/sessions/s1/bind", "other"],
    ["GET", "/sessions/s1/events", "other"],
    ["POST", "/sessions/s1/other", "other"],
    ["POST", "/sessions/s1/events/more", "other"],
    ["POST", "/", "other"],
    ["OPTIONS", "*", "other"],
    ["POST", "/runner/runs/r1/started", "run -"],
    ["POST", "/runner/runs/r1/completed/?x", "run -"],
    ["POST", "/runner/sessions/s1/status", "run s1"],
    ["POST", "/runner/runs/%FF/failed", "undecodable"],
    ["GET", "/runner/runs/r1/started", "other"],
    ["GET", "/runner/runs", "other"],
    ["POST", "/runner/heartbeat", "other"],
    ["POST", "/runner/runs/r1/other", "other"],
    ["GET", "/_relay/health", "own"],
    ["GET", "/_relay", "own"],
  ])("%s %s is %s", (method, target, route) => expect(shown(method, target)).toBe(route));

  test.each([
    "/events?x=1",
    "/events/",
    "/events/?x",
    "//events",
    "/events//",
    "/EVENTS",
    "/Events#x",
    "/%65vents",
    "/e%76ents?a/b",
    "/./events",
    "/x/../events",
    "/x/%2e%2e/events",
    "%2Fevents",
    "/events%2f",
    "http://127.0.0.1:80/events",
    "HTTP://evil.example//events/?q",
  ])("OWN-1: no spelling of a write slips through: %s", (target) =>
    expect(shown("POST", target)).toBe("event -"),
  );

  test.each([
    ["/sessions/a%20b/events/", "event a b"],
    ["/sessions/%C3%A9/events", "event é"],
    ["/sessions/\u00c3\u00a9/events", "event é"], // raw UTF-8 as Node hands it over
    ["/sessions//s1//events", "event s1"],
    ["/sessions%2Fs1%2Fevents", "event s1"],
    ["/SESSIONS/S1/Events?x", "event S1"],
    ["/sessions/100%/events", "event 100%"],
    ["/sessions/a%252Fb/events", "event a%2Fb"],
    ["/sessions/%FF/events", "undecodable"],
    ["/sessions/a%2Fb/events", "other"], // the coordinator sees four segments too
    ["/sessions/a/../../runs", "other"],
  ])("direct path %s is %s", (target, route) => expect(shown("POST", target)).toBe(route));

  test("the own routes get their segments and query", () => {
    expect(matchRoute("GET", "/_relay/deliveries/abc?seq=5#x")).toEqual({
      kind: "own",
      segments: ["deliveries", "abc"],
      query: "seq=5",
    });
  });

  test("any session id that is encoded comes back as it was, and any target at all is matched without an exception", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (id) => {
        fc.pre(id.isWellFormed() && !id.includes("/") && id !== "." && id !== "..");
        expect(matchRoute("POST", `/sessions/${encodeURIComponent(id)}/events`)).toEqual({
          kind: "write",
          write: "event",
          session: id,
        });
      }),
    );
    fc.assert(fc.property(fc.string({ unit: "binary" }), (target) => void matchRoute("POST", target)));
  });
});
