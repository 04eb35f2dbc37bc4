import { expect, test } from "vitest";
import { exposureProblem } from "../../../../src/sessions/access/exposure.ts";

const closed = { listen: "127.0.0.1", authenticated: true, open: false, tls: false, behindTls: false };

test.each([
  [{}, undefined],
  [{ listen: "::1" }, undefined],
  [{ authenticated: false }, "serve needs a key"],
  [{ authenticated: false, open: true }, undefined],
  [{ authenticated: false, listen: "0.0.0.0", tls: true }, "serve needs a key"],
  [{ listen: "0.0.0.0", open: true, tls: true }, "--open listens on loopback only"],
  [{ listen: "10.0.0.1" }, "keys need TLS"],
  [{ listen: "::" }, "keys need TLS"],
  [{ listen: "10.0.0.1", tls: true }, undefined],
  [{ listen: "10.0.0.1", behindTls: true }, undefined],
])("%j", (change, problem) => {
  const found = exposureProblem({ ...closed, ...change });
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found?.text).toContain(problem);
});
