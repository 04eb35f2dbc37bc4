import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeHeld,
  encodeHeld,
  heldUnder,
  type HeldRecord,
} from "../../../../../src/shared/log/state/held.ts";
import { anything, pack, refusal } from "../../foreign-bytes.ts";

describe("held records", () => {
  const record: HeldRecord = { v: 1, session: "s", from: 7, reason: "backlog", text: "why", since: 1 };

  test("come back as they were", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.maxSafeNat(),
        fc.constantFrom("backlog", "parked", "paused"),
        (session, from, reason) => {
          const it: HeldRecord = { ...record, session, from, reason };
          expect(decodeHeld(encodeHeld(it))).toEqual(it);
        },
      ),
    );
  });

  test.each([
    { session: 1 },
    { from: "7" },
    { from: Number.NaN },
    { from: undefined },
    { reason: "other" },
    { text: 1 },
  ])("SETTLE-1: %j is none: pruning must not go by it", (wrong) => {
    expect(refusal(() => decodeHeld(pack({ ...record, ...wrong })))).toBe("envelope_invalid");
  });

  test("a newer version, and whatever else, is refused with a code", () => {
    expect(refusal(() => decodeHeld(pack({ ...record, v: 2 })))).toBe("schema_newer");
    fc.assert(fc.property(anything, (data) => void refusal(() => decodeHeld(data))));
  });
});

test("SETTLE-1: what cannot be read as a held record is a session that waits for an operator", () => {
  const value = Buffer.from('{"stream":"RR_EVENTS","seq":7}');
  expect(heldUnder("held.a=20b", { value, at: 5 })).toMatchObject({
    session: "a b",
    from: 1,
    reason: "parked",
    since: 5,
  });
  expect(refusal(() => heldUnder("held.a", { value: pack({ v: 2 }), at: 5 }))).toBe("schema_newer");
});

test("a held record's text is shortened: every command shows it", () => {
  const record: HeldRecord = {
    v: 1,
    session: "s",
    from: 7,
    reason: "parked",
    text: "x".repeat(5000),
    since: 1,
  };
  expect(decodeHeld(encodeHeld(record)).text).toHaveLength(2000);
});
