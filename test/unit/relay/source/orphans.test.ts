import { expect, test } from "vitest";
import { watchForOrphans } from "../../../../src/relay/source/orphans.ts";
import type { ShardMemory } from "../../../../src/relay/source/shard-memory.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

/** A shard that no relay has, and whose consumer is asked; `pending`: what it has to deliver after a reset. */
function stage(pending: () => number): {
  clock: ReturnType<typeof createFakeClock>;
  resets: (number | undefined)[];
  held: { from: number | undefined };
} {
  const clock = createFakeClock();
  const resets: (number | undefined)[] = [];
  const held: { from: number | undefined } = { from: 86 };
  watchForOrphans({
    clock,
    log: silentLogger(),
    shard: 0,
    consumer: {
      info: () => Promise.resolve({}),
      async reset(from) {
        resets.push(from);
        return { num_pending: pending() };
      },
      unpin: () => Promise.resolve(),
    },
    memory: { settled: { floor: 0 } } as unknown as ShardMemory,
    whole: () => Promise.resolve(),
    heldFrom: () => Promise.resolve(held.from),
    waiting: () => true,
    fatal(error) {
      throw error;
    },
  }).start();
  return { clock, resets, held };
}

test("the consumer of a shard without an owner is reset to its held events, until a relay gets them", async () => {
  const { clock, resets } = stage(() => 1);
  await clock.pass(3000);
  expect(resets).toEqual([86, 86, 86]);
});

test("behind the last event there is nothing to deliver: the consumer is reset once a minute, and at once for another pointer", async () => {
  const { clock, resets, held } = stage(() => 0);
  await clock.pass(60_000);
  expect(resets).toEqual([86]);
  await clock.pass(60_000);
  expect(resets).toEqual([86, 86]);
  held.from = 90;
  await clock.pass(2000);
  expect(resets).toEqual([86, 86, 90]);
});
