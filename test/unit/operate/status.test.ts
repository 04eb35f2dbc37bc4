import { describe, expect, test } from "vitest";
import { ratesOf } from "../../../src/operate/status-rates.ts";
import { sessionsOf } from "../../../src/operate/status-sessions.ts";
import type { RelayState } from "../../../src/shared/messages/relay-state.ts";
import type { Backlog } from "../../../src/shared/messages/status/backlog.ts";

describe("rates between two readings", () => {
  test.each([
    // lastSeq and waiting: before, now → in, out, empty in
    ["nothing happens", [10, 0], [10, 0], { in: 0, out: 0 }],
    ["what comes is sent", [10, 0], [30, 0], { in: 10, out: 10 }],
    ["an outage", [10, 0], [30, 20], { in: 10, out: 0 }],
    ["a drain", [30, 1000], [30, 900], { in: 0, out: 50, emptyInSeconds: 18 }],
    ["a drain beside live events", [30, 1000], [50, 960], { in: 10, out: 30, emptyInSeconds: 48 }],
    ["a backlog that grows by what was counted late", [30, 5], [30, 9], { in: 0, out: 0 }],
  ] as const)("%s", (_, [seq0, waiting0], [seq1, waiting1], expected) => {
    const before = { at: 1000, lastSeq: seq0, waiting: waiting0 };
    expect(ratesOf(before, { at: 3000, lastSeq: seq1, waiting: waiting1 })).toEqual({
      seconds: 2,
      ...expected,
    });
  });
});

describe("whose events wait", () => {
  const relay = (backlog: RelayState["backlog"], more: Partial<RelayState> = {}): RelayState => ({
    v: 1,
    relay: "a",
    shards: [{ shard: 0, behind: false }],
    coordinator: { state: "up" },
    backlog,
    overflow: false,
    ...more,
  });
  const backlog = (held: Backlog["held"] = []): Backlog => ({
    events: 0,
    shards: [],
    held,
    heldSessions: held.length,
  });
  const known = (held: Backlog["held"] = []): Parameters<typeof sessionsOf>[1] => ({
    backlog: backlog(held),
    wishes: [],
    lanes: { lanes: [], moreLanes: 0 },
  });
  const one = { session: "s1", events: 2, bytes: 10 };
  test("most first, of all relays; what is held is counted in the log", () => {
    const held = { session: "s3", reason: "parked", text: "", since: 0, from: 1, events: 9 } as const;
    const relays = [
      relay([one, { session: "s3", events: 1, bytes: 0 }]),
      relay([{ ...one, session: "s2", events: 5 }]),
    ];
    expect(sessionsOf(relays, known([held]))).toMatchObject({
      list: [
        { session: "s3", state: "parked", events: 9, held: "parked", by: "the poison policy" },
        { session: "s2", events: 5, bytes: 10 },
        { session: "s1", events: 2, bytes: 10 },
      ],
      source: "relays",
      complete: true,
    });
  });
  test("HONEST-1: not complete if a relay names only some, or has not read all", () => {
    expect(sessionsOf([relay([one], { overflow: true })], known()).complete).toBe(false);
    expect(sessionsOf([relay([one], { shards: [{ shard: 1, behind: true }] })], known()).complete).toBe(
      false,
    );
  });
});
