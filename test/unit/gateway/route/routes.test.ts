import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchRoute } from "../../../../src/gateway/route/routes.ts";

function shown(method: string, target: string): string {
  const route = matchRoute(method, target);
  if (route.kind === "method") return `method ${route.allow}`;
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
    ["GET", "/events", "method POST"],
    ["DELETE", "//Bind/", "method POST"],
    ["POST", "/metadata", "method PATCH"],
    ["PUT", "/sessions/s1/bind", "other"],
    ["GET", "/sessions/s1/events", "other"],
    ["POST", "/sessions/s1/other", "other"],
    ["POST", "/sessions/s1/events/more", "other"],
    ["POST", "/", "own"],
    ["GET", "/?x", "own"],
    ["GET", "http://127.0.0.1:80", "other"],
    ["GET", "http://127.0.0.1:80/", "other"],
    ["GET", "//", "other"],
    ["GET", "/.", "other"],
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
    ["/sessions/a%2Fb/events", "ambiguous"], // the coordinator sees four segments, others three
    ["/sessions/a/../../runs", "other"],
  ])("direct path %s is %s", (target, route) => expect(shown("POST", target)).toBe(route));

  test.each([
    "/sessions/./bind",
    "/sessions/%2e/bind",
    "/sessions/x/%2562ind",
    "/%2573essions/x/bind",
    "/sessions/x%252fbind",
    "/sessions%255cx%255cbind",
    "/sessions\\x\\bind",
    "/sessions/x%5cbind",
    "/sessions/x/bind;v=1",
    "/sessions;a=b/x/bind",
    "/sessions/x/bind%3b",
    "/sessions/x/bind%3Fa=b",
    "/sessions/x/bind%23",
    "/sessions/x/bind%00.png",
    "/sessions/x/y%252f../bind",
    "/sessions/a/b/%252e%252e/bind",
    "/../api/sessions/x/bind", // above the base URL's path
    "/%2e%2e/api/v1/sessions/x/bind",
    "/..;/api/sessions/x/bind",
    "/runner/runs/../started",
    "/runner/runs/%2e/started",
    "/runner/sessions/x/%2573tatus",
    "http://127.0.0.1/sessions/./bind",
    "/x/%25252525252565vents/y",
  ])("OWN-1: %s, which somebody may read as a write, is refused", (target) =>
    expect(shown("POST", target)).toBe("ambiguous"),
  );

  test.each([
    ["POST", "/agents/..%2f..%2fadmin"],
    ["POST", "/files/a%20b;v=1/../c"],
    ["POST", "/sessions/a%2Fb/files"],
    ["POST", "/100%/x"],
    ["PATCH", "/sessions/./bind"],
    ["GET", "/sessions/./bind"],
    ["DELETE", "/sessions/%252e/metadata"],
  ])("%s %s is nobody's write", (method, target) => expect(shown(method, target)).toBe("other"));

  /** How somebody might spell a path so that a chain of servers makes the plain one of it again. */
  const disguises: ((path: string, at: number, hex: boolean) => string)[] = [
    (path, at, lower) => encodeOne(path, at, lower), // a letter, a slash, or the % of an earlier encoding
    (path) => path.replace("/", "//"),
    (path, at) => insert(path, at, "/."),
    (path, at) => insert(path, at, "/x/.."),
    (path) => `/x/..${path}`,
    (path) => `${path}/x/..`,
    (path) => `${path}/`,
    (path) => `${path};a=b`,
    (path) => `${path}?q=/x`,
    (path) => `${path}%3Fq`,
    (path) => path.replace(/(.)\//, "$1\\"),
    (path) => path.toUpperCase(),
  ];

  function encodeOne(path: string, at: number, lower: boolean): string {
    const index = at % path.length;
    const code = path.charCodeAt(index).toString(16).padStart(2, "0");
    return `${path.slice(0, index)}%${lower ? code : code.toUpperCase()}${path.slice(index + 1)}`;
  }

  /** Before one of its slashes. */
  function insert(path: string, at: number, text: string): string {
    const slashes = [...path.matchAll(/\//g)].map(({ index }) => index);
    const index = slashes[at % slashes.length] ?? 0;
    return path.slice(0, index) + text + path.slice(index);
  }

  const writes = fc.constantFrom(
    ["POST", "/sessions/s1/bind"],
    ["POST", "/sessions/s1/events"],
    ["PATCH", "/sessions/s1/metadata"],
    ["POST", "/runner/runs/r1/completed"],
    ["POST", "/runner/sessions/s1/status"],
  ) as fc.Arbitrary<[string, string]>;

  test("OWN-1: no disguise of a write passes through, however often it is put on", () => {
    const steps = fc.array(fc.tuple(fc.nat(disguises.length - 1), fc.nat(400), fc.boolean()), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(writes, steps, fc.boolean(), ([method, path], worn, absolute) => {
        const target = worn.reduce(
          (text, [which, at, lower]) => disguises[which]?.(text, at, lower) ?? text,
          path,
        );
        fc.pre(target.startsWith("/")); // else it is no target of HTTP
        const sent = absolute ? `http://127.0.0.1:80${target}` : target;
        expect(["write", "undecodable", "ambiguous"]).toContain(matchRoute(method, sent).kind);
      }),
      { numRuns: 2000 },
    );
  });

  test("OWN-1: what a server resolves to a write, by URL's own rules and after any two decodings, does not pass", () => {
    const part = fc.constantFrom(
      "sessions",
      "s1",
      "bind",
      "events",
      "..",
      ".",
      "%2e",
      "%2E%2e",
      "%252e",
      "a",
      "",
      "%2f",
      "x;y",
      "b%69nd",
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 7 }), (parts) => {
        const path = `/${parts.join("/")}`;
        const isWrite = (text: string): boolean =>
          /^\/+(?:sessions\/+[^/]+\/+)?(?:bind|events)\/*$/.test(text);
        const twice = [path, decodeURIComponent(path), decodeURIComponent(decodeURIComponent(path))];
        const made = twice.flatMap((text) => [
          text,
          new URL(`http://x${text.replace(/^\/+/, "/")}`).pathname,
        ]);
        if (made.some(isWrite)) expect(matchRoute("POST", path).kind).not.toBe("other");
      }),
      { numRuns: 2000 },
    );
  });

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
