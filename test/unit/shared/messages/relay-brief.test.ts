import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeBeat,
  decodeBrief,
  encodeBeat,
  encodeBrief,
  maskOf,
  shardsIn,
  stateOfBrief,
  type RelayBrief,
} from "../../../../src/shared/messages/relay-brief.ts";
import { decodeState, encodeState } from "../../../../src/shared/messages/relay-state.ts";

const shard = fc.integer({ min: 0, max: 63 });
const shards = fc.uniqueArray(shard).map((numbers) => numbers.toSorted((a, b) => a - b));

const brief: fc.Arbitrary<RelayBrief> = fc
  .record({
    relay: fc.string(),
    instance: fc.stringMatching(/^[0-9a-f]{12}$/),
    number: fc.nat(),
    own: shards,
    flags: fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 64, maxLength: 64 }),
    standby: shards,
    coordinator: fc.constantFrom(
      { state: "up" as const },
      { state: "away" as const, reason: "breaker_open", since: 1_700_000_000_000 },
    ),
    wholeOnly: fc.boolean(),
    stopping: fc.boolean(),
  })
  .map(({ own, flags, stopping, ...rest }) => ({
    ...rest,
    shards: own.map((it) => ({ shard: it, behind: flags[it]![0], waiting: flags[it]![1] })),
    ...(stopping ? { stopping: true as const } : {}),
  }));

test("a brief comes back as it was, and one that knows whole states only does not take it for one", () => {
  fc.assert(
    fc.property(brief, (it) => {
      expect(decodeBrief(encodeBrief(it))).toEqual(it);
      expect(decodeState(encodeBrief(it))).toBeUndefined();
    }),
  );
});

test("a brief of 64 shards is shorter than 300 bytes, and a beat shorter than 25", () => {
  const all = Array.from({ length: 64 }, (_, it) => it);
  const text = encodeBrief({
    relay: "relay-of-a-host-12",
    instance: "0123456789ab",
    number: 123_456,
    shards: all.map((it) => ({ shard: it, behind: true, waiting: true })),
    standby: all,
    coordinator: { state: "away", reason: "breaker_open", since: 1_700_000_000_000 },
    wholeOnly: true,
  });
  expect(text.length).toBeLessThan(300);
  expect(encodeBeat({ instance: "0123456789ab", number: 123_456 }).length).toBeLessThan(25);
});

test("beats come back as they were", () => {
  expect(decodeBeat(encodeBeat({ instance: "0123456789ab", number: 7 }))).toEqual({
    instance: "0123456789ab",
    number: 7,
  });
});

test.each(["", "7", "a b", "a 1 2", "{}", `${"a".repeat(41)} 1`, "a 1234567890123456"])(
  "no beat: %j",
  (text) => {
    expect(decodeBeat(text)).toBeUndefined();
  },
);

test("what is no brief is none", () => {
  const whole = encodeState({
    v: 1,
    relay: "r",
    shards: [],
    coordinator: { state: "up" },
    backlog: [],
    overflow: false,
  });
  const good = JSON.parse(
    encodeBrief({
      relay: "r",
      instance: "i",
      number: 1,
      shards: [],
      standby: [],
      coordinator: { state: "up" },
      wholeOnly: false,
    }),
  ) as Record<string, unknown>;
  expect(decodeBrief(JSON.stringify(good))).toBeDefined();
  const bad = [
    { ...good, v: 3 },
    { ...good, own: "10000000000000000" },
    { ...good, own: "0x1" },
    { ...good, standby: 1 },
    { ...good, number: "1" },
    { ...good, relay: null },
    { ...good, coordinator: { state: "well" } },
    { ...good, relay: "r".repeat(3000) },
  ].map((it) => JSON.stringify(it));
  for (const text of [whole, "", "null", "[]", "i 1", ...bad]) expect(decodeBrief(text)).toBeUndefined();
});

test("masks: each shard is a bit", () => {
  expect(maskOf([0, 3])).toBe("9");
  expect(maskOf([])).toBe("0");
  expect(maskOf([63])).toBe("8000000000000000");
  fc.assert(
    fc.property(shards, (numbers) => {
      expect([...(shardsIn(maskOf(numbers)) ?? [])]).toEqual(numbers);
    }),
  );
});

test("as a state without sessions it says the same", () => {
  fc.assert(
    fc.property(brief, (it) => {
      const state = stateOfBrief(it);
      expect(decodeState(encodeState(state))).toEqual(state);
      expect(state).toMatchObject({ relay: it.relay, instance: it.instance, backlog: [], overflow: false });
      expect(state.shards.map((claim) => claim.shard)).toEqual(it.shards.map((claim) => claim.shard));
    }),
  );
});
