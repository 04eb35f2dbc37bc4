import { describe, expect, test } from "vitest";
import { createRelays } from "../../../../src/gateway/writes/relays.ts";
import type { RelayState } from "../../../../src/shared/messages/relay-state.ts";

function state(part: Partial<RelayState> = {}): RelayState {
  return {
    v: 1,
    relay: "r1",
    shards: [{ shard: 0, behind: false }],
    coordinator: { state: "up" },
    backlog: [],
    overflow: false,
    ...part,
  };
}

describe("whether an answer can be waited for", () => {
  test.each<[string, RelayState, string | undefined]>([
    ["all is well", state(), undefined],
    ["coordinator away", state({ coordinator: { state: "away" } }), "coordinator_away"],
    [
      "coordinator paused",
      state({ coordinator: { state: "paused", reason: "unauthorized" } }),
      "coordinator_paused",
    ],
    ["the session has a backlog", state({ backlog: [{ session: "s", events: 1, bytes: 10 }] }), "backlog"],
    ["another session has", state({ backlog: [{ session: "t", events: 1, bytes: 10 }] }), undefined],
    ["too many have to be named", state({ overflow: true }), "backlog"],
    ["the shard is behind", state({ shards: [{ shard: 0, behind: true }] }), "backlog"],
    ["nobody owns the shard", state({ shards: [{ shard: 1, behind: false }] }), "no_relay"],
  ])("%s", (_, it, reason) => {
    const relays = createRelays();
    relays.take(it, 1000);
    expect(relays.noWait(0, "s", 1500)).toBe(reason);
  });

  test("silence for 3 s counts as away", () => {
    const relays = createRelays();
    expect(relays.noWait(0, "s", 0)).toBe("no_relay");
    relays.take(state(), 1000);
    expect(relays.noWait(0, "s", 3999)).toBeUndefined();
    expect(relays.noWait(0, "s", 4000)).toBe("no_relay");
    expect(relays.silenced(3999)).toEqual([]);
    expect(relays.silenced(4000)).toEqual([0]);
    expect(relays.silenced(5000)).toEqual([]);
  });

  test("how long nobody was heard: unknown before the first word, nothing while a relay is up", () => {
    const relays = createRelays();
    expect(relays.summary(0)).toEqual({ relay: "away", coordinator: "unknown" });
    relays.take(state(), 1000);
    expect(relays.summary(3999)).toEqual({ relay: "up", coordinator: "up" });
    expect(relays.summary(61_000)).toMatchObject({ relay: "away", silentMs: 60_000 });
    relays.take(state({ stopping: true }), 62_000);
    expect(relays.summary(63_000)).toMatchObject({ relay: "away", silentMs: 1000 });
  });

  test("shards are reported as lost once, when their relay stops, pauses or hands them over", () => {
    const relays = createRelays();
    const both = [
      { shard: 0, behind: false },
      { shard: 1, behind: false },
    ];
    expect(relays.take(state({ shards: both }), 0)).toEqual([]);
    expect(relays.take(state(), 1)).toEqual([1]);
    expect(relays.take(state({ coordinator: { state: "away" } }), 2)).toEqual([0]);
    expect(relays.take(state({ coordinator: { state: "away" } }), 3)).toEqual([]);
    expect(relays.take(state(), 4)).toEqual([]);
    expect(relays.take(state({ stopping: true }), 5)).toEqual([0]);
  });

  test("while a shard moves, the newest claim counts, and nothing is lost", () => {
    const relays = createRelays();
    relays.take(state(), 0);
    expect(relays.take(state({ relay: "r2", backlog: [{ session: "s", events: 1, bytes: 1 }] }), 10)).toEqual(
      [],
    );
    expect(relays.noWait(0, "s", 11)).toBe("backlog");
    expect(relays.take(state({ shards: [] }), 12)).toEqual([]);
    expect(relays.take(state({ relay: "r2", shards: [], stopping: true }), 13)).toEqual([0]);
  });

  test("an idle shard has no owner, and a stand-by relay would get it", () => {
    const relays = createRelays();
    relays.take(state({ shards: [], standby: [0] }), 0);
    expect(relays.noWait(0, "s", 1)).toBeUndefined();
    expect(relays.noWait(1, "s", 1)).toBe("no_relay");
    expect(relays.silenced(3000)).toEqual([0]);
  });

  test("a stand-by relay does not count beside the owner, even if it spoke last; without an owner it does", () => {
    const relays = createRelays();
    const standby = state({ relay: "r2", shards: [], standby: [0, 1] });
    const owner = state({ backlog: [{ session: "s", events: 9, bytes: 9 }] });
    relays.take(owner, 0);
    expect(relays.take(standby, 1)).toEqual([]);
    expect(relays.noWait(0, "s", 2)).toBe("backlog");
    relays.take({ ...standby, coordinator: { state: "away" } }, 3);
    expect(relays.noWait(0, "t", 4)).toBeUndefined();
    expect(relays.noWait(1, "t", 4)).toBe("coordinator_away");
    relays.take(standby, 5);
    expect(relays.take(state({ stopping: true }), 6)).toEqual([]); // the stand-by takes over: its answer may be waited for
    expect(relays.noWait(0, "s", 7)).toBeUndefined();
  });

  test("the summary names the worst state of the coordinator", () => {
    const relays = createRelays();
    expect(relays.summary(0)).toEqual({ relay: "away", coordinator: "unknown" });
    relays.take(state(), 0);
    expect(relays.summary(0)).toEqual({ relay: "up", coordinator: "up" });
    relays.take(state({ relay: "r2", coordinator: { state: "paused", reason: "wrong_address" } }), 0);
    expect(relays.summary(0)).toEqual({ relay: "up", coordinator: "paused", reason: "wrong_address" });
  });
});
