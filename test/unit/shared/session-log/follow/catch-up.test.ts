import { expect, test } from "vitest";
import { silentLogger } from "../../../../../src/shared/base/logger.ts";
import { catchUp } from "../../../../../src/shared/session-log/follow/catch-up.ts";
import {
  advance,
  type Move,
  type Position,
} from "../../../../../src/shared/session-log/follow/contiguity.ts";
import type { Leader } from "../../../../../src/shared/session-log/follow/leader.ts";
import type { Pages } from "../../../../../src/shared/session-log/follow/pages.ts";
import { createFakeClock } from "../../../../support/fake-clock.ts";

/** Up to 3 everything was handed on, and 5 was heard of. `leader`, `copy`: what the one who answers has. */
function start(stored: { leader: number[]; copy: number[] }) {
  const clock = createFakeClock();
  let position: Position = { kind: "behind", upTo: 3, seen: 5 };
  const moves: Move[] = [];
  const leader = {
    end: async () => ({ last: stored.leader.at(-1) ?? 0 }),
    next: async (from: number) => stored.leader.find((seq) => seq >= from),
  } as unknown as Leader;
  const pages = {
    read: async (_filter: string, from: number) => ({
      events: stored.copy
        .filter((seq) => seq >= from)
        .map((seq) => ({ seq, subject: "", data: new Uint8Array(), at: 0 })),
    }),
  } as unknown as Pages;
  void catchUp({
    position: () => position,
    learn(learnt) {
      const [next, move] = advance(position, learnt);
      position = next;
      moves.push(move);
    },
    pages,
    leader,
    clock,
    log: silentLogger(),
    signal: new AbortController().signal,
  });
  return { clock, moves, position: () => position };
}

test("WATCH-1: what neither a copy nor an old leader has is not taken for removed", async () => {
  const stored = { leader: [1, 2, 3], copy: [1, 2, 3] };
  const { clock, moves, position } = start(stored);
  await clock.pass(200);
  expect([moves, position()]).toEqual([[], { kind: "behind", upTo: 3, seen: 5 }]);
  stored.leader = [1, 2, 3, 4, 5];
  await clock.pass(100);
  expect(moves).toEqual([]);
  stored.copy = [1, 2, 3, 4, 5];
  await clock.pass(100);
  expect([moves, position()]).toEqual([["deliver", "deliver"], { kind: "live", upTo: 5 }]);
});

test("what the leader does not have any more was removed: watchers look for themselves", async () => {
  const { clock, moves, position } = start({ leader: [1, 2, 3, 7], copy: [1, 2, 3] });
  await clock.pass(100);
  expect([moves, position()]).toEqual([["rejoin"], { kind: "live", upTo: 5 }]);
});
