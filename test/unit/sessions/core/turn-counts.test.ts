import type { JetStreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { createTurnCounts, type TurnCounts } from "../../../../src/sessions/core/turn-counts.ts";
import type { Hub } from "../../../../src/shared/session-log/follow/hub.ts";
import type { StoredEvent } from "../../../../src/shared/session-log/follow/stored-event.ts";
import { MAX_WAITING } from "../../../../src/shared/session-log/turns/request.ts";

/** A broker with this many open turns in every session, which counts how often it is asked. */
function stage(open: number): { counts: TurnCounts; asked: () => number; hear: (subject: string) => void } {
  let questions = 0;
  let listener: (event: StoredEvent) => void = () => undefined;
  const subjects = Object.fromEntries([...Array(open).keys()].map((i) => [`rr.ses.s.in.turn.t${i}`, 1]));
  const info = async (_: string, { subjects_filter: filter }: { subjects_filter: string }) => {
    questions++;
    return { state: { subjects: filter.includes(".in.turn.") ? subjects : {} } };
  };
  const jsm = { streams: { info } } as unknown as JetStreamManager;
  const hub = { hear: (it: typeof listener) => void (listener = it) } as unknown as Hub;
  const hear = (subject: string): void => listener({ seq: 1, subject, data: new Uint8Array() });
  return { counts: createTurnCounts({ jsm, hub }), asked: () => questions / 2, hear };
}

/** Asks for a turn that is stored if it fits. */
async function turn(counts: TurnCounts): Promise<number> {
  const taken = counts.take("s");
  const before = await taken.open();
  taken.settle(before <= MAX_WAITING);
  return before;
}

test("the broker is asked at first, and again where the limit may be reached", async () => {
  const { counts, asked, hear } = stage(1);
  for (let i = 1; i <= 11; i++) expect(await turn(counts)).toBe(i);
  for (let i = 0; i < 4; i++) hear("rr.ses.s.in.turn.other");
  hear("rr.ses.s.in.cancel.t1");
  hear("rr.ses.s.out.turn_ended");
  expect(await turn(counts)).toBe(16);
  expect(asked()).toBe(1);
  expect(await turn(counts)).toBe(1);
  expect(asked()).toBe(2);
});

test("a session that is full is asked for each time", async () => {
  const { counts, asked } = stage(20);
  for (let i = 1; i < 4; i++) {
    expect(await turn(counts)).toBe(20);
    expect(asked()).toBe(i);
  }
});

test("of hundreds that come at once no more get in than fit, and the broker is asked once for all", async () => {
  const { counts, asked } = stage(3);
  const taken = Array.from({ length: 300 }, () => counts.take("s"));
  const before = await Promise.all(taken.map((it) => it.open()));
  expect(before.filter((count) => count <= MAX_WAITING)).toEqual([
    3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
  ]);
  expect(asked()).toBe(1);
  taken[0]?.settle(false); // it was a repeat: its place is free
  expect(await turn(counts)).toBe(16);
});

test("one that was not counted before it is stored counts then", async () => {
  const { counts } = stage(3);
  expect(await turn(counts)).toBe(3);
  counts.take("s").settle(true);
  expect(await turn(counts)).toBe(5);
});
