import * as fc from "fast-check";
import { expect, test } from "vitest";
import { firstNeeded } from "../../../../../src/shared/messages/status/backlog.ts";

const shard = fc.record({ pending: fc.nat(3), inFlight: fc.nat(3), ackFloor: fc.nat(1000) });
const held = fc.record({ from: fc.integer({ min: 1, max: 1000 }) });

test("SETTLE-1: the first needed event is at or before every unsettled one, however many sessions are held", () => {
  fc.assert(
    fc.property(
      fc.array(shard, { maxLength: 8 }),
      fc.array(held, { maxLength: 3000 }),
      (shards, sessions) => {
        const needed = [
          ...shards.filter((it) => it.pending > 0 || it.inFlight > 0).map((it) => it.ackFloor + 1),
          ...sessions.map(({ from }) => from),
        ].sort((a, b) => a - b);
        expect(firstNeeded(shards, sessions)).toEqual(needed.length === 0 ? {} : { firstNeeded: needed[0] });
      },
    ),
  );
});
