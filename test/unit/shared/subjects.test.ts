import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SHARDS, shardOf } from "../../../src/shared/partition.ts";
import { sessionIdProblem } from "../../../src/shared/session-id.ts";
import {
  deadSubject,
  eventSubject,
  KINDS,
  parseEventSubject,
  sessionFilter,
} from "../../../src/shared/subjects.ts";

const id = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 40 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 }),
  )
  .filter((it) => sessionIdProblem(it) === undefined);
const kind = fc.constantFrom(...KINDS);
const origin = fc.constantFrom("ev" as const, "replay" as const);

/** As the broker matches. */
function matches(filter: string, subject: string): boolean {
  const parts = subject.split(".");
  const wanted = filter.split(".");
  return parts.length === wanted.length && wanted.every((token, i) => token === "*" || token === parts[i]);
}

describe("subjects of events", () => {
  test("tell everything that was put into them", () => {
    fc.assert(
      fc.property(id, id, kind, origin, (runner, session, what, from) => {
        const subject = eventSubject(runner, session, what, from);
        expect(parseEventSubject(subject)).toEqual({
          origin: from,
          partition: shardOf(session),
          runner,
          session,
          kind: what,
        });
      }),
    );
  });

  test("a session's filter matches its events, live and replayed, and no other's", () => {
    fc.assert(
      fc.property(id, id, id, kind, origin, (runner, session, other, what, from) => {
        expect(matches(sessionFilter(session), eventSubject(runner, session, what, from))).toBe(true);
        fc.pre(other !== session);
        expect(matches(sessionFilter(session), eventSubject(runner, other, what, from))).toBe(false);
      }),
    );
  });

  test.each([
    "",
    "rr",
    "rr.ev.1.r.s",
    "rr.ev.1.r.s.event.more",
    "rr.ev.1.r.s.other",
    "rr.dead.1.r.s.event",
    "xx.ev.1.r.s.event",
    "rr.ev..r.s.event",
    "rr.ev.1.r..event",
    "rr.ev.1.r.=zz.event",
    "rr.ev.1.r.=C3.event",
    "rr.ev.1.=.s.event",
    "rr.ev.1.r.é.event",
  ])("%j is none, and no reason to throw", (subject) => {
    expect(parseEventSubject(subject)).toBeUndefined();
  });

  test("whatever is published, it is read or it is none", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom("rr", "ev", "1", "event", "=FF")), { maxLength: 7 }),
        (tokens) => {
          parseEventSubject(tokens.join("."));
        },
      ),
    );
  });

  test("a dead letter's begins with the event's id", () => {
    expect(deadSubject("e1", "r", "a b", "bind")).toBe(`rr.dead.e1.${shardOf("a b")}.r.a=20b.bind`);
  });
});

describe("shards", () => {
  test("of a session never change: they are part of every stored subject", () => {
    expect(["a", "s1", "ses_4f1b", "é", ""].map(shardOf)).toMatchInlineSnapshot(`
      [
        7,
        5,
        6,
        0,
        1,
      ]
    `);
  });

  test("are spread evenly, also for ids that differ at the end only", () => {
    for (const name of [
      (i: number) => `ses_${i}`,
      (i: number) => `${i}-0000-4000-8000`,
      (i: number) => `x${String(i).padStart(12, "0")}`,
    ]) {
      const counts = Array.from({ length: SHARDS }, () => 0);
      for (let i = 0; i < 8000; i++) counts[shardOf(name(i))]! += 1;
      expect(Math.min(...counts)).toBeGreaterThan(800); // 1000 each
      expect(Math.max(...counts)).toBeLessThan(1200);
    }
  });

  test("are numbers that exist, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (session) => {
        const shard = shardOf(session);
        expect(Number.isInteger(shard) && shard >= 0 && shard < SHARDS).toBe(true);
      }),
    );
  });
});
