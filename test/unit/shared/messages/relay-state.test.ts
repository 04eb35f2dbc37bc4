import { describe, expect, test } from "vitest";
import { decodeState, encodeState, type RelayState } from "../../../../src/shared/messages/relay-state.ts";

describe("the state of a relay", () => {
  const state: RelayState = {
    v: 1,
    relay: "r",
    shards: [{ shard: 1, behind: false }],
    coordinator: { state: "paused", reason: "unauthorized", since: 1_763_700_000_000 },
    backlog: [{ session: "s", events: 1, bytes: 2 }],
    overflow: false,
  };

  test("comes back as it was", () => {
    expect(decodeState(encodeState(state))).toEqual(state);
  });

  test.each([
    "",
    "null",
    "3",
    '"v"',
    '{"v":1}',
    JSON.stringify({ ...state, v: 2 }),
    JSON.stringify({ ...state, shards: {} }),
    JSON.stringify({ ...state, standby: 1 }),
    JSON.stringify({ ...state, standby: null }),
    JSON.stringify({ ...state, backlog: null }),
    JSON.stringify({ ...state, coordinator: "up" }),
    JSON.stringify({ ...state, coordinator: { state: "odd" } }),
  ])("%s is none", (text) => {
    expect(decodeState(text)).toBeUndefined();
  });
});
