import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  inSubject,
  outSubject,
  ownerFilter,
  parseSessionSubject,
  sessionName,
  wholeSession,
} from "../../../../src/shared/session-log/subjects.ts";

test("a session's name depends on user, id and incarnation, and is a token of a subject", () => {
  const text = fc.string({ unit: "binary" });
  const three = fc.record({ user: text, id: text, incarnation: text });
  fc.assert(
    fc.property(three, three, (a, b) => {
      expect(sessionName(a)).toMatch(/^[\w-]{22}$/);
      const same = a.user === b.user && a.id === b.id && a.incarnation === b.incarnation;
      expect(sessionName(a) === sessionName(b)).toBe(same);
    }),
  );
  const [x, y] = [
    { user: "a", id: "b,c", incarnation: "d" },
    { user: "a,b", id: "c", incarnation: "d" },
  ];
  expect(sessionName(x)).not.toBe(sessionName(y));
});

test("subjects are read back", () => {
  expect(parseSessionSubject(inSubject("s", "turn", "t1"))).toEqual({
    session: "s",
    side: "in",
    kind: "turn",
    id: "t1",
  });
  expect(parseSessionSubject(inSubject("s", "created"))).toEqual({
    session: "s",
    side: "in",
    kind: "created",
  });
  expect(parseSessionSubject(outSubject("s", "text"))).toEqual({ session: "s", side: "out", kind: "text" });
  expect([ownerFilter("s"), wholeSession("s")]).toEqual(["rr.ses.s.out.>", "rr.ses.s.>"]);
});

test.each([
  "rr.ses.s",
  "rr.ses.s.in",
  "rr.ses.s.other.x",
  "rr.ses.s.out.text.id",
  "rr.ses.s.in.a.b.c",
  "rr.ev.s.in.x",
  "rr.ses..in.x",
  "rr.ses.s.in.a=2E",
])("%s is no session's", (subject) => {
  expect(parseSessionSubject(subject)).toBeUndefined();
});

test.each(["", "a.b", "*", ">", "a b", "ä", "x".repeat(65)])("%j gets into no subject", (text) => {
  for (const make of [
    () => inSubject(text, "turn"),
    () => inSubject("s", text),
    () => inSubject("s", "turn", text),
    () => outSubject("s", text),
    () => ownerFilter(text),
    () => wholeSession(text),
  ])
    expect(make).toThrow(RangeError);
});
