import { describe, expect, it } from "vitest";
import { notPassable } from "../../../../../src/shared/messages/tunnel/passable.ts";

const code = (method: string, target = "/x", headers: string[] = [], upgrade?: string): string | undefined =>
  notPassable({ method, target, headers, upgrade })?.code;

describe("what cannot be passed on", () => {
  it.each(["TRACE", "TRACK", "CONNECT", "trace"])(
    "CRED-1: %s, which asks for an echo or a tunnel",
    (method) => {
      expect(code(method)).toBe("method_not_forwarded");
      expect(code(method, "*")).toBe("method_not_forwarded");
    },
  );

  it.each(["X-HTTP-Method-Override", "x-http-method", "X-Method-Override"])("a method in %s", (name) => {
    expect(code("POST", "/x", ["Accept", "*/*", name, "TRACE"])).toBe("method_not_forwarded");
  });

  it.each(["GET", "HEAD", "DELETE", "POST", "PROPFIND"])("%s *", (method) =>
    expect(code(method, "*")).toBe("target_invalid"),
  );

  it.each([
    ["POST", "websocket"],
    ["GET", "h2c"],
    ["GET", "websocket, h2c"],
    ["GET", ""],
  ])("an upgrade by %s to %s", (method, upgrade) =>
    expect(code(method, "/x", [], upgrade)).toBe("method_not_forwarded"),
  );

  it("everything else is", () => {
    for (const method of ["GET", "HEAD", "OPTIONS", "DELETE", "PURGE", "M-SEARCH", "QUERY"])
      expect(code(method, "/*?TRACE", ["X-Method", "TRACE"])).toBeUndefined();
    expect(code("OPTIONS", "*")).toBeUndefined();
    expect(code("GET", "/ws", [], " WebSocket ")).toBeUndefined();
  });
});
