import { expect, it } from "vitest";
import { readable } from "../../../../src/gateway/tunnel/request.ts";

it("what is to be read here asks for no coding, in whatever case the executor asked for one", () => {
  const opening = {
    v: 1,
    method: "GET",
    target: "/runner/runs",
    body: { kind: "none" },
    gateway: "g",
  } as const;
  for (const name of ["Accept-Encoding", "accept-encoding"])
    expect(readable({ ...opening, headers: ["a", name, name, "gzip", "x", "y"] }).headers).toEqual([
      "a",
      name,
      "x",
      "y",
      "accept-encoding",
      "identity",
    ]);
});
