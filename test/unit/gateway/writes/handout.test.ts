import { describe, expect, test } from "vitest";
import { handoutOf } from "../../../../src/gateway/writes/handout.ts";

describe("the coordinator's answer as it is handed out", () => {
  const of = (status: number, body: string, headers: [string, string][] = []) => {
    const handout = handoutOf({ kind: "answer", status, headers, body: Buffer.from(body) });
    return { ...handout, body: Buffer.from(handout.body).toString() };
  };

  test("status, end-to-end headers and body", () => {
    const headers: [string, string][] = [
      ["Content-Type", "application/json"],
      ["Connection", "close"],
      ["Transfer-Encoding", "chunked"],
      ["Content-Length", "999"],
      ["Retry-After", "3"],
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ];
    expect(of(201, '{"ok": true}', headers)).toEqual({
      status: 201,
      headers: { "content-type": "application/json", "retry-after": "3", "set-cookie": ["a=1", "b=2"] },
      body: '{"ok": true}',
    });
    expect(of(404, '{"detail":"Session not found"}').body).toBe('{"detail":"Session not found"}');
    expect(of(500, "").body).toBe("");
  });

  test("headers that `Connection` names end at the gateway, like those that always do", () => {
    const { headers } = of(200, "{}", [
      ["X-Hop", "1"],
      ["Connection", "close, x-hop"],
      ["connection", "X-Other"],
      ["x-other", "2"],
      ["Keep-Alive", "timeout=5"],
      ["Content-Length", "2"],
      ["X-Kept", "3"],
    ]);
    expect(headers).toEqual({ "x-kept": "3" });
  });

  test.each([
    [200, ""],
    [204, ""],
    [200, "[1]"],
    [200, "null"],
    [201, "<html>"],
  ])("a success without a JSON object says ok: %i %s", (status, body) => {
    expect(of(status, body)).toMatchObject({
      status: status === 204 ? 200 : status,
      body: '{"ok":true}',
      headers: { "content-type": "application/json" },
    });
  });

  test("names of headers that objects have by themselves, and one that comes often", () => {
    const odd: [string, string][] = [
      ["constructor", "a"],
      ["__proto__", "b"],
      ["toString", "c"],
    ];
    const many = Array.from({ length: 20_000 }, (): [string, string] => ["x", "y"]);
    const { headers } = of(200, "{}", [...odd, ...many]);
    expect(Object.entries(headers).slice(0, 3)).toEqual([
      ["constructor", "a"],
      ["__proto__", "b"],
      ["tostring", "c"],
    ]);
    expect(headers["x"]).toHaveLength(20_000);
  });

  test.each([
    [`{"a":[${"{},".repeat(1_000_000)}{}]}`, true],
    [` ${"[".repeat(100_000)}`, false],
    [`{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`, true],
    [`{"a":"${"x".repeat(100_000)}"}\n`, true],
    [`[${"1,".repeat(100_000)}1]`, false],
    ["\ufeff{}", false],
  ])(
    "an answer that is too costly to read is handed out as it is, if it looks like an object: %.20s",
    (body, same) => {
      expect(of(200, body).body).toBe(same ? body : '{"ok":true}');
    },
  );

  test("a compressed body is not looked into", () => {
    expect(of(200, "gzip bytes", [["Content-Encoding", "gzip"]]).body).toBe("gzip bytes");
  });
});
