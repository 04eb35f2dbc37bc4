import { SHARDS } from "../../../support/eight-shards.ts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pruneBelow } from "../../../../src/shared/log/prune.ts";

/** One event of a model log: which shard, whether it is settled, whether its session is held, how old it is. */
type ModelEvent = { shard: number; settled: boolean; held: boolean; young: boolean };

const events = fc.array(
  fc.record({
    shard: fc.integer({ min: 0, max: SHARDS - 1 }),
    settled: fc.boolean(),
    held: fc.boolean(),
    young: fc.boolean(),
  }),
  { maxLength: 40 },
);

/** What a prune would read of the model, in the product's terms. Held events are acknowledged and below the floor, as in a relay. */
function factsOf(log: readonly ModelEvent[], arrivedLater: number) {
  const lastSeq = log.length - Math.min(arrivedLater, log.length);
  const shards = Array.from({ length: SHARDS }, (_, shard) => {
    const own = log.flatMap((event, i) => (event.shard === shard ? [{ ...event, seq: i + 1 }] : []));
    const open = own.find((event) => !event.settled && !event.held);
    const done = open === undefined ? own : own.filter((event) => event.seq < open.seq);
    return { floor: done.at(-1)?.seq ?? 0, idle: open === undefined };
  });
  const heldFrom = log.flatMap((event, i) => (event.held && !event.settled ? [i + 1] : []));
  const young = log.findIndex((event) => event.young);
  return { firstSeq: 1, lastSeq, shards, heldFrom, keepFrom: young === -1 ? undefined : young + 1 };
}

describe("SETTLE-1: pruning", () => {
  test("never removes an unsettled, held or young event, nor one that arrived meanwhile", () => {
    fc.assert(
      fc.property(events, fc.nat(5), (log, arrivedLater) => {
        const facts = factsOf(log, arrivedLater);
        const below = pruneBelow(facts);
        const removed = log.slice(0, Math.max(0, below - 1));
        expect(removed.every((event) => event.settled && !event.young)).toBe(true);
        expect(below).toBeLessThanOrEqual(facts.lastSeq + 1);
      }),
    );
  });

  test("removes everything of a settled, old log although idle shards have no floor", () => {
    const shards = Array.from({ length: SHARDS }, () => ({ floor: 0, idle: true }));
    expect(pruneBelow({ firstSeq: 1, lastSeq: 9, shards, heldFrom: [], keepFrom: undefined })).toBe(10);
  });

  test.each([
    { why: "a shard without checkpoint", change: { floor: undefined, idle: false }, below: 1 },
    { why: "a floor", change: { floor: 4, idle: false }, below: 5 },
    { why: "a floor above the end that was read", change: { floor: 400, idle: false }, below: 10 },
  ])("stops at $why", ({ change, below }) => {
    const shards = [change, ...Array.from({ length: SHARDS - 1 }, () => ({ floor: 0, idle: true }))];
    expect(pruneBelow({ firstSeq: 1, lastSeq: 9, shards, heldFrom: [], keepFrom: undefined })).toBe(below);
  });
});
