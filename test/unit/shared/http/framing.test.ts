import { describe, expect, it } from "vitest";
import { framingProblem } from "../../../../src/shared/http/framing.ts";

const problem = (headers: Record<string, string>, upgrade = false, httpVersion = "1.1"): string | undefined =>
  framingProblem({ headers, httpVersion }, upgrade);

describe("where a body ends", () => {
  it.each(["gzip, chunked", "chunked, chunked", "identity", "gzip", ""])("coding %j is refused", (coding) =>
    expect(problem({ "transfer-encoding": coding })).toContain("chunked"),
  );

  it("HTTP/1.0 has no coding", () => {
    expect(problem({ "transfer-encoding": "chunked" }, false, "1.0")).toContain("HTTP/1.0");
    expect(problem({ "content-length": "5" }, false, "1.0")).toBeUndefined();
  });

  it.each([{ "content-length": "5" }, { "transfer-encoding": "chunked" }])(
    "an upgrade with %o is refused",
    (headers) => expect(problem(headers, true)).toContain("upgrade"),
  );

  it("the usual is fine", () => {
    expect(problem({})).toBeUndefined();
    expect(problem({}, true)).toBeUndefined();
    expect(problem({ "content-length": "0" }, true)).toBeUndefined();
    expect(problem({ "transfer-encoding": "Chunked" })).toBeUndefined();
    expect(problem({ "content-length": "5" })).toBeUndefined();
  });
});
