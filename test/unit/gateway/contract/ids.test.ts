import * as fc from "fast-check";
import { expect, test } from "vitest";
import { IDEMPOTENCY_KEY, SESSION_ID } from "../../../../src/gateway/contract/ids.ts";
import { isUsableKey } from "../../../../src/gateway/writes/identity.ts";
import { sessionIdProblem, sessionToken } from "../../../../src/shared/log/schema/session-id.ts";

const pattern = new RegExp(SESSION_ID.pattern);

/** Does the schema allow it? The length is counted in characters, not in UTF-16 units. */
function allowed(id: string): boolean {
  const { length } = Array.from(id);
  return length >= SESSION_ID.minLength && length <= SESSION_ID.maxLength && pattern.test(id);
}

const ids = fc.oneof(
  fc.string({ unit: "binary", maxLength: 250 }),
  fc.string({ unit: fc.constantFrom(".", "/", "\\", "a", "é", "\n", "\u0085", "\u2028"), maxLength: 5 }),
  fc.string({ unit: fc.constantFrom("a", "é"), minLength: 60, maxLength: 220 }),
);

test("the schema of session ids allows what is accepted, and more only where the encoded length counts", () => {
  fc.assert(
    fc.property(ids, (id) => {
      const problem = sessionIdProblem(id);
      if (problem === undefined) expect(allowed(id), id).toBe(true);
      else if (allowed(id) && id.isWellFormed())
        expect({ problem, over: sessionToken(id).length > 200 }).toEqual({ problem: "too_long", over: true });
    }),
    { numRuns: 2000 },
  );
});

test.each([...SESSION_ID.examples, "a b", "é", "..."])("%j is an id", (id) => {
  expect([allowed(id), sessionIdProblem(id)]).toEqual([true, undefined]);
});

test("the example of a key can be used", () => {
  for (const key of IDEMPOTENCY_KEY.examples) expect(isUsableKey(key)).toBe(true);
  for (const key of ["", " a", "a ", "é", "x".repeat(256)]) expect(isUsableKey(key), key).toBe(false);
});
