import { describe, expect, test } from "vitest";
import { createGuard, isLoopback } from "../../../../src/shared/http/guard.ts";

describe("guard", () => {
  const guard = createGuard({ listen: "127.0.0.1", token: undefined });

  test.each(["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:4000", "[::1]:4000", undefined])(
    "host %s is served",
    (host) => {
      expect(guard({ host })).toBeUndefined();
      expect(guard({ host })).toBeUndefined();
    },
  );

  test.each([
    "evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "10.0.0.1",
    "localhost:80:80",
  ])("host %s is refused", (host) => expect(guard({ host })).toMatchObject({ code: "host_refused" }));

  test("whatever a browser's page sends is refused", () => {
    expect(guard({ host: "localhost", origin: "http://localhost" })).toMatchObject({
      code: "origin_refused",
    });
    expect(guard({ host: "localhost", origin: "null" })).toMatchObject({ code: "origin_refused" });
  });

  test("with a token every request must bring it", () => {
    const strict = createGuard({ listen: "0.0.0.0", token: "s3cret" });
    expect(strict({ host: "any.example" })).toMatchObject({ code: "inbound_unauthorized" });
    expect(strict({ host: "any.example", authorization: "Bearer wrong" })).toMatchObject({
      code: "inbound_unauthorized",
    });
    expect(strict({ host: "any.example", authorization: "Bearer s3cret" })).toBeUndefined();
    const named = createGuard({ listen: "10.1.2.3", token: "s3cret" });
    expect(named({ host: "10.1.2.3:80", authorization: "Bearer s3cret" })).toBeUndefined();
    expect(named({ host: "other:80", authorization: "Bearer s3cret" })).toMatchObject({
      code: "host_refused",
    });
  });

  test("what is loopback", () => {
    expect(["127.0.0.1", "127.1.2.3", "::1", "localhost"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "127.evil", "example"].some(isLoopback)).toBe(false);
  });
});
