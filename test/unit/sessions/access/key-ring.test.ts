import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Scope } from "../../../../src/sessions/access/caller.ts";
import { createKeyRing } from "../../../../src/sessions/access/key-ring.ts";
import { sha256, type Key } from "../../../../src/sessions/access/keys.ts";

const SECRET = Buffer.alloc(32, 7);
const key = (secret: string, user: string, ...scopes: Scope[]): Key => ({
  sha256: sha256(secret),
  user,
  scopes: new Set(scopes),
});

test("a key finds its caller, and nothing else does", () => {
  const ring = createKeyRing(SECRET, [key("a", "ann", "read"), key("b", "bob", "admin")]);
  expect(ring.find("a")).toMatchObject({ user: "ann", scopes: new Set(["read"]), open: false });
  expect(ring.find("b")).toMatchObject({ user: "bob" });
  for (const wrong of ["", "A", "a ", sha256("a")]) expect(ring.find(wrong)).toBeUndefined();
});

test("a key that is removed, or may do something else, ends its callers; the others go on", () => {
  const ring = createKeyRing(SECRET, [
    key("a", "ann", "read"),
    key("b", "bob", "read"),
    key("c", "cid", "read"),
  ]);
  const [ann, bob, cid] = ["a", "b", "c"].map((secret) => ring.find(secret));
  ring.replace([key("b", "bob", "read", "write"), key("c", "cid", "read"), key("d", "dan", "read")]);
  expect([ann, bob, cid].map((it) => it?.ended.aborted)).toEqual([true, true, false]);
  expect(ring.find("a")).toBeUndefined();
  expect(ring.find("b")).toMatchObject({ scopes: new Set(["read", "write"]) });
  expect(ring.find("b")?.ended.aborted).toBe(false);
  expect(ring.find("c")).toBe(cid);
  expect(ring.find("d")).toMatchObject({ user: "dan" });
});

test("after any changes exactly the last keys are valid, and only their callers live", () => {
  const users = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 10 });
  fc.assert(
    fc.property(fc.array(users, { minLength: 1 }), (states) => {
      const ring = createKeyRing(SECRET, []);
      const callers = new Map<AbortSignal, number>();
      for (const state of states) {
        ring.replace(state.map((n) => key(`k${n}`, `u${n}`, "read")));
        for (const n of state) callers.set(ring.find(`k${n}`)?.ended ?? AbortSignal.abort(), n);
        for (let n = 0; n < 10; n += 1)
          expect(ring.find(`k${n}`)?.user).toBe(state.includes(n) ? `u${n}` : undefined);
        for (const [ended, n] of callers) if (!state.includes(n)) expect(ended.aborted).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});
