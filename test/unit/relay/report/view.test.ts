import { describe, expect, test } from "vitest";
import { gateViewOf, lanesFor, questionOf, type ShownLane } from "../../../../src/relay/report/view.ts";

function lane(session: string, more: Partial<ShownLane> = {}): ShownLane {
  return {
    session,
    shard: 0,
    length: 1,
    attempts: 0,
    lastReason: "",
    firstFailureAt: 0,
    lastFailureAt: 0,
    phase: { name: "ready" },
    inFlight: { length: 0 },
    ...more,
  };
}

const known = (
  held: [string, string][] = [],
): { held: Map<string, { reason: string; events: number }>; wallOffset: number } => ({
  held: new Map(
    held.map(([session, reason]) => [session, { reason, events: reason === "backlog" ? 90 : 0 }]),
  ),
  wallOffset: 1000,
});

describe("what a relay shows of its lanes", () => {
  const failing = {
    phase: { name: "backoff" },
    attempts: 3,
    lastReason: "503",
    firstFailureAt: 2,
    lastFailureAt: 9,
  } as const;

  test("a lane with its events, those on their way included, and when it failed by the wall clock", () => {
    const sending = lane("s", { phase: { name: "sending" }, inFlight: { length: 1 } });
    expect(lanesFor({ most: 1 }, [sending], known()).lanes).toEqual([
      { session: "s", shard: 0, phase: "sending", events: 2, attempts: 0, reason: "" },
    ]);
    expect(lanesFor({ most: 1 }, [lane("s", failing)], known()).lanes[0]).toMatchObject({
      phase: "backoff",
      attempts: 3,
      reason: "503",
      failingSince: 1002,
      failedAt: 1009,
    });
  });

  test("a lane that waits says until when, and whether the coordinator asked for it", () => {
    const phase = { name: "backoff", until: 20, asked: true } as const;
    expect(lanesFor({ most: 1 }, [lane("s", { ...failing, phase })], known()).lanes[0]).toMatchObject({
      nextAt: 1020,
      asked: true,
    });
  });

  test("a page begins after the last place of the page before, in the order that is asked for", () => {
    const lanes = Array.from({ length: 5 }, (_, n) => lane(`s${n}`, { length: (n * 2) % 5 }));
    const first = lanesFor({ most: 2, sort: "events" }, lanes, known());
    expect(first.lanes.map(({ session }) => session)).toEqual(["s2", "s4"]);
    const after = { rank: 4, events: 3, attempts: 0, session: "s4" };
    expect(
      lanesFor({ most: 2, sort: "events", after }, lanes, known()).lanes.map(({ session }) => session),
    ).toEqual(["s1", "s3"]);
  });

  test("what does not fit into one message is counted, and a reason in a list is cut", () => {
    const long = { ...failing, lastReason: "\u0001".repeat(4000) };
    const lanes = Array.from({ length: 1000 }, (_, n) => lane(`s${n}`, long));
    const found = lanesFor({ most: 1000 }, lanes, known());
    expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(1024 * 1024);
    expect(found.lanes.length + found.more).toBe(1000);
    expect(lanesFor({ most: 1, session: "s7" }, lanes, known()).lanes[0]?.reason).toHaveLength(4000);
  });

  test("sessions in trouble come first; idle ones only in a search", () => {
    const idle = { phase: { name: "idle" }, length: 0 } as const;
    const lanes = [
      lane("few", { length: 2 }),
      lane("idle", idle),
      lane("many", { length: 9, phase: { name: "sending" } }),
      lane("read", { length: 90 }),
      lane("sick", failing),
      lane("paused", idle),
      lane("parked", idle),
    ];
    const held = known([
      ["parked", "parked"],
      ["paused", "paused"],
      ["read", "backlog"],
    ]);
    const names = (question: Parameters<typeof lanesFor>[0]): string[] =>
      lanesFor(question, lanes, held).lanes.map(({ session }) => session);
    expect(names({ most: 10 })).toEqual(["parked", "paused", "sick", "read", "many", "few"]);
    expect(names({ most: 10, search: "IDL" })).toEqual(["idle"]);
    expect(names({ most: 10, session: "few" })).toEqual(["few"]);
    expect(names({ most: 0 })).toEqual([]);
  });

  test("what is not listed is counted, without the held ones, which the broker names", () => {
    const lanes = Array.from({ length: 12 }, (_, n) => lane(`s${n}`));
    const held = known([
      ["s0", "parked"],
      ["s1", "backlog"],
      ["s2", "backlog"],
    ]);
    expect(lanesFor({ most: 2 }, lanes, held)).toMatchObject({
      lanes: [{ session: "s0" }, { session: "s1" }],
      more: 9,
    });
    expect(lanesFor({ most: 12 }, lanes, held).more).toBe(0);
  });

  test("of 50,000 lanes the most urgent hundred are listed, quickly", () => {
    const lanes = Array.from({ length: 50_000 }, (_, n) => lane(`s${n}`, { length: (n * 7919) % 50_000 }));
    const began = performance.now();
    const found = lanesFor({ most: 100 }, lanes, known());
    expect(performance.now() - began).toBeLessThan(1000);
    expect(found.lanes.map(({ events }) => events)).toEqual(
      Array.from({ length: 100 }, (_, n) => 49_999 - n),
    );
    expect(found.more).toBe(49_900);
  });
});

test("a gate is shown without what only its relay needs", () => {
  expect(gateViewOf({ phase: "up" })).toEqual({ phase: "up" });
  expect(gateViewOf({ phase: "away", since: 1, text: "ECONNREFUSED", probe: true })).toEqual({
    phase: "away",
    since: 1,
    text: "ECONNREFUSED",
  });
  expect(
    gateViewOf({ phase: "paused", reason: "mass_refusal", since: 2, text: "422", probe: false }),
  ).toEqual({ phase: "paused", reason: "mass_refusal", since: 2, text: "422" });
});

test.each<[unknown, unknown]>([
  [
    { v: 1, most: 5 },
    { v: 1, most: 5 },
  ],
  [
    { v: 1, most: 9999, search: "a", more: 1 },
    { v: 1, most: 1000, search: "a" },
  ],
  [
    { v: 1, most: 1, session: "s", search: 7 },
    { v: 1, most: 1, session: "s" },
  ],
  [{ v: 2, most: 5 }, undefined],
  [{ v: 1, most: -1 }, undefined],
  [{ v: 1, most: 1.5 }, undefined],
  [{ v: 1 }, undefined],
  ["lanes", undefined],
  [undefined, undefined],
])("the question %j is understood as %j", (value, question) => {
  expect(questionOf(value)).toEqual(question);
});
