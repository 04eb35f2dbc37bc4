import { expect, test } from "vitest";
import { lostState, type Forgotten } from "../../../../../src/shared/log/provision/forgotten.ts";

const newestAt = Date.parse("2026-01-01T00:00:00Z");
const log = { created: "2025-01-01T00:00:00Z", newestAt, now: newestAt + 60_000 };
const acked = (shard: number, seq: number, later: number): Forgotten => ({
  shard,
  seq,
  at: newestAt + later,
});

test.each([
  ["nothing is unknown", []],
  ["what a killed broker had not written down", [acked(1, 7, -5000), acked(2, 9, 1500)]],
  ["a broker that cannot say when", [acked(1, 7, Number.NaN)]],
])("no alarm: %s", (_, forgotten) => {
  expect(lostState(forgotten, log)).toBeUndefined();
});

test("what was acked long after the bucket's newest record shows that records are gone", () => {
  expect(lostState([acked(1, 70, 9000), acked(2, 40, 6000), acked(3, 9, 0)], log)).toMatchObject({
    id: expect.stringMatching(/^[\d-]+state-40-\d+$/) as string, // one token of a key
    code: "state_damaged",
    missing: 2,
    note: expect.stringContaining("from 40 on come again") as string,
  });
});
