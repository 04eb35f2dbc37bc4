import { expect, test } from "vitest";
import { subjectOf } from "../../../bench/fill.ts";
import { eventSubject } from "../../support/eight-shards.ts";

test("the bench fills the subjects that the product reads", () => {
  for (const session of ["a", "limit-7", "ses.with.dots", "é"])
    expect(subjectOf("bench", session)).toBe(eventSubject("bench", session, "event"));
});
