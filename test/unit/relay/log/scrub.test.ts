import { expect, test } from "vitest";
import { absentIn } from "../../../../src/relay/log/scrub.ts";

test.each<[string, number[], number, number, [number, number][]]>([
  ["all are there", [3, 4, 5], 3, 5, []],
  ["one in the middle is not", [3, 5], 3, 9, [[4, 4]]],
  ["the first is not", [4, 5], 3, 9, [[3, 3]]],
  ["nothing follows", [], 3, 9, [[3, 9]]],
  ["nothing was to be looked at", [], 3, 2, []],
  ["a page goes beyond the end", [3, 8], 3, 5, [[4, 5]]],
])("numbers that a page lacks: %s", (_, seqs, from, to, absent) => {
  expect(
    absentIn(
      seqs.map((seq) => ({ seq })),
      from,
      to,
    ),
  ).toEqual(absent);
});
