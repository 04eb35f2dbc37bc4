import { shardOf } from "../../../support/eight-shards.ts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBacklogLimits } from "../../../../src/gateway/writes/backlog-limits.ts";
import type { RelayState } from "../../../../src/shared/messages/relay-state.ts";

describe("backlog of a session", () => {
  const shardOfSession = (session: string): number => shardOf(session);
  const shard = shardOfSession("s");
  const state = (part: Partial<RelayState>): RelayState => ({
    v: 1,
    relay: "r",
    shards: [{ shard, behind: false }],
    coordinator: { state: "away" },
    backlog: [],
    overflow: false,
    ...part,
  });

  test("429 at the limit of events or bytes, alarm at half, once", () => {
    const alarms: string[] = [];
    const backlog = createBacklogLimits({
      shardCount: 8,
      maxEvents: 4,
      maxBytes: 1000,
      onHalf: (session, { events }) => void alarms.push(`${session}:${events}`),
    });
    for (let i = 0; i < 4; i++) {
      expect(backlog.admits("s", shard)).toBe(true);
      backlog.stored("s", shard, 10);
    }
    expect(backlog.admits("s", shard)).toBe(false);
    expect(alarms).toEqual(["s:2"]);
    backlog.stored("t", shardOfSession("t"), 1000);
    expect(backlog.admits("t", shardOfSession("t"))).toBe(false);
    expect(backlog.admits("u", shardOfSession("u"))).toBe(true);
  });

  test("a relay's report replaces what was counted, where it is whole", () => {
    const alarms: string[] = [];
    const backlog = createBacklogLimits({
      shardCount: 8,
      maxEvents: 4,
      maxBytes: 1000,
      onHalf: (session) => void alarms.push(session),
    });
    for (let i = 0; i < 4; i++) backlog.stored("s", shard, 1);
    backlog.reported(state({ overflow: true }));
    backlog.reported(state({ shards: [{ shard, behind: true }] }));
    backlog.reported(state({ shards: [{ shard: (shard + 1) % 8, behind: false }] }));
    expect(backlog.admits("s", shard)).toBe(false);
    backlog.reported(state({ backlog: [{ session: "s", events: 3, bytes: 3 }] }));
    expect(backlog.admits("s", shard)).toBe(true);
    backlog.stored("s", shard, 1);
    expect(backlog.admits("s", shard)).toBe(false);
    backlog.reported(state({}));
    expect(backlog.admits("s", shard)).toBe(true);
    for (let i = 0; i < 2; i++) backlog.stored("s", shard, 1);
    expect(alarms).toEqual(["s", "s"]); // it was below in between
  });

  test("a relay that does not have the shard says nothing of its sessions, in whatever order relays speak", () => {
    const owner = (events: number): RelayState =>
      state({ backlog: [{ session: "s", events, bytes: events }] });
    const others = [
      state({ relay: "b", shards: [], standby: [shard] }),
      state({ relay: "b", shards: [{ shard: (shard + 1) % 8, behind: false }], standby: [shard] }),
      state({ relay: "b", shards: [{ shard, behind: true }] }), // takes over, and has not read all of it
      state({ relay: "b", shards: [], standby: [shard], coordinator: { state: "up" } }),
      state({ relay: "b", shards: [], standby: [shard], stopping: true }),
    ];
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.constant("owner" as const), fc.constantFrom(...others), fc.constant("write" as const)),
          {
            maxLength: 60,
          },
        ),
        (story) => {
          const backlog = createBacklogLimits({
            shardCount: 8,
            maxEvents: 20,
            maxBytes: 1e9,
            onHalf: () => {},
          });
          let taken = 0;
          for (const step of story) {
            if (step === "owner") backlog.reported(owner(taken));
            else if (step !== "write") backlog.reported(step);
            else if (backlog.admits("s", shard)) {
              taken++;
              backlog.stored("s", shard, 1);
            }
          }
          expect(taken).toBe(Math.min(20, story.filter((step) => step === "write").length));
        },
      ),
    );
  });

  const limits = (maxEvents = 4): ReturnType<typeof createBacklogLimits> =>
    createBacklogLimits({ shardCount: 8, maxEvents, maxBytes: 1e9, onHalf: () => {} });
  const ALL = { most: 100, again: 0, known: true };

  test("a relay is asked about what was written to, and its word replaces what was counted before the question", () => {
    const backlog = limits(5);
    for (let i = 0; i < 3; i++) backlog.stored("s", shard, 1);
    expect(backlog.due([(shard + 1) % 8], ALL)).toEqual([]);
    expect(backlog.due([shard], ALL)).toEqual(["s"]);
    expect(backlog.due([shard], ALL)).toEqual([]); // asked already
    backlog.stored("s", shard, 1);
    expect(backlog.admits("s", shard)).toBe(true);
    backlog.stored("s", shard, 1);
    expect(backlog.admits("s", shard)).toBe(false); // what is asked about counts until there is an answer
    backlog.told("s", { events: 2, bytes: 2 });
    expect(backlog.admits("s", shard)).toBe(true); // 2, and 2 since the question
    backlog.stored("s", shard, 1);
    expect(backlog.admits("s", shard)).toBe(false);
    expect(backlog.due([shard], ALL)).toEqual(["s"]);
    backlog.told("s", "unknown"); // the relay lost the shard: everything counts on
    expect(backlog.admits("s", shard)).toBe(false);
    expect(backlog.due([shard], ALL)).toEqual(["s"]);
    backlog.told("s", "none");
    expect(backlog.due([shard], ALL)).toEqual([]);
    expect(backlog.admits("s", shard)).toBe(true);
  });

  test("a session that waits is known until its relay says that it does not, or that nothing does", () => {
    const backlog = limits();
    expect(backlog.waits("s", shard)).toBe(false);
    backlog.stored("s", shard, 1);
    backlog.due([shard], ALL);
    backlog.told("s", { events: 0, bytes: 0 }); // paused
    expect(backlog.waits("s", shard)).toBe(true);
    expect(backlog.due([shard], { ...ALL, again: 1 })).toEqual(["s"]);
    backlog.told("s", "none");
    expect(backlog.waits("s", shard)).toBe(false);
    backlog.stored("s", shard, 1);
    backlog.due([shard], ALL);
    backlog.told("s", { events: 1, bytes: 1 });
    backlog.empty([(shard + 1) % 8]);
    expect(backlog.waits("s", shard)).toBe(true);
    backlog.empty([shard]);
    expect(backlog.waits("s", shard)).toBe(false);
  });

  test("one question has a bounded number of sessions, those without new events take turns, and those known to wait may be left out", () => {
    const backlog = limits(1000);
    const sessions = Array.from({ length: 200 }, (_, i) => `t${i}`)
      .filter((it) => shardOfSession(it) === shard)
      .slice(0, 10);
    for (const session of sessions) backlog.stored(session, shard, 1);
    expect(backlog.due([shard], { ...ALL, most: 8 })).toEqual(sessions.slice(0, 8));
    for (const session of sessions.slice(0, 8)) backlog.told(session, { events: 1, bytes: 1 });
    backlog.stored(sessions[0] ?? "", shard, 1);
    expect(backlog.due([shard], { ...ALL, known: false })).toEqual(sessions.slice(8));
    const again = { most: 100, again: 3, known: false };
    const first = backlog.due([shard], again);
    expect(first).toEqual(sessions.slice(0, 3));
    for (const session of first) backlog.told(session, { events: 1, bytes: 1 });
    expect(backlog.due([shard], again)).toEqual(sessions.slice(3, 6));
  });

  test("ISOLATE-1: while more sessions stand still than a relay can name, one that flows is not refused some day", () => {
    const backlog = createBacklogLimits({ shardCount: 8, maxEvents: 4, maxBytes: 1000, onHalf: () => {} });
    const stuck = state({
      coordinator: { state: "up" },
      overflow: true,
      backlog: [{ session: "s", events: 4, bytes: 4 }],
    });
    const flowing =
      Array.from({ length: 100 }, (_, i) => `t${i}`).find((it) => shardOfSession(it) === shard) ?? "";
    for (let i = 0; i < 10; i++) {
      backlog.stored(flowing, shard, 1);
      backlog.reported(stuck);
    }
    expect(backlog.admits(flowing, shard)).toBe(true);
    expect(backlog.admits("s", shard)).toBe(false);
  });
});
