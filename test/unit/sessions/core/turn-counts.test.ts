import type { JetStreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { createTurnCounts, type TurnCounts } from "../../../../src/sessions/core/turn-counts.ts";
import type { Hub } from "../../../../src/shared/session-log/follow/hub.ts";
import type { StoredEvent } from "../../../../src/shared/session-log/follow/stored-event.ts";

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

test("the broker is asked at first, and again where the limit may be reached", async () => {
  const { counts, asked, hear } = stage(1);
  expect(await counts.atMost("s")).toBe(1);
  for (let i = 0; i < 10; i++) counts.add("s");
  for (let i = 0; i < 5; i++) hear("rr.ses.s.in.turn.other");
  hear("rr.ses.s.in.cancel.t1");
  hear("rr.ses.s.out.turn_ended");
  expect(await counts.atMost("s")).toBe(16);
  expect(asked()).toBe(1);
  counts.add("s");
  expect(await counts.atMost("s")).toBe(1);
  expect(asked()).toBe(2);
});

test("a session that is full is asked for each time", async () => {
  const { counts, asked } = stage(20);
  for (let i = 1; i < 4; i++) {
    expect(await counts.atMost("s")).toBe(20);
    expect(asked()).toBe(i);
  }
});
