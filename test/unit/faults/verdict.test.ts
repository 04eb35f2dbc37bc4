import { expect, test } from "vitest";
import { differenceOf, storyOf } from "../../faults/runner/verdict.ts";
import type { LedgerEntry } from "../../support/coordinator.ts";

function arrival(path: string, timestamp?: string, applied = true): LedgerEntry {
  const body = timestamp === undefined ? "{}" : JSON.stringify({ timestamp });
  return { n: 1, at: 0, method: "POST", path, status: applied ? 201 : 500, applied, sha: "", body };
}

test("a story is what was carried out, each step once", () => {
  const writes = [
    arrival("/runner/runs/r/started"),
    arrival("/sessions/s/events", "t0", false),
    arrival("/sessions/s/events", "t0"),
    arrival("/sessions/s/events", "t0"),
    arrival("/sessions/s/events", "u"),
    arrival("/runner/runs/r/completed"),
  ];
  expect(storyOf(writes)).toEqual(["t0", "u", "completed"]);
});

test.each([
  [["t0", "u"], ["t0", "u", "completed"], undefined],
  [["t0", "u"], ["t0", "u"], undefined],
  [["t0", "t1", "u"], ["t0", "u", "completed"], "1 of 3 lost, the first t1"],
  [["t0", "t1"], ["t1", "t0"], "t1 at place 0, where t0 was sent"],
  [["t0", "u"], ["t0", "completed", "u"], "u after the report of the end"],
  // an agent that was stopped does not know of its last event
  [["t0"], ["t0", "t1"], undefined],
  [[], [], "nothing was sent"],
])("sent %j, heard %j: %s", (sent, story, difference) => {
  expect(differenceOf(sent, story)).toBe(difference);
});
