import * as fc from "fast-check";
import { expect, test } from "vitest";
import { planRedrive, type ThinLetter } from "../../../../../src/shared/log/state/redrive-plan.ts";

const letter = (seq: number, id: string, origSeq: number, session = "s"): ThinLetter => ({
  seq,
  id,
  origSeq,
  session,
});

test("ORDER-1: letters go in the order of their events, not of their deaths", () => {
  const [a, b, c] = [letter(1, "a", 30), letter(2, "b", 10), letter(3, "c", 20)];
  expect(planRedrive([a, b, c])).toEqual({ send: [b, c, a], drop: [] });
});

test("an event that died twice is sent once, by its newest letter, at its first place", () => {
  const [old, other, again] = [letter(1, "a", 10), letter(2, "b", 20), letter(3, "a", 30)];
  expect(planRedrive([old, other, again])).toEqual({ send: [again, other], drop: [old] });
  expect(planRedrive([again, other, old])).toEqual({ send: [again, other], drop: [old] });
});

test("every letter is sent or dropped, every event is sent once", () => {
  const letters = fc.uniqueArray(
    fc.record({
      seq: fc.integer({ min: 1, max: 1000 }),
      id: fc.constantFrom("a", "b", "c", "d"),
      origSeq: fc.integer({ min: 1, max: 1000 }),
      session: fc.constant("s"),
    }),
    { selector: ({ seq }) => seq },
  );
  fc.assert(
    fc.property(letters, (all) => {
      const { send, drop } = planRedrive(all);
      expect(new Set([...send, ...drop])).toEqual(new Set(all));
      expect(send.map(({ id }) => id).sort()).toEqual([...new Set(all.map(({ id }) => id))].sort());
      for (const older of drop)
        expect(send.find(({ id }) => id === older.id)?.seq).toBeGreaterThan(older.seq);
    }),
  );
});
