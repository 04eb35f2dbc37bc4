import { describe, expect, test } from "vitest";
import { axisTop, chart, RANGES } from "../../../../src/console/views/chart.ts";
import type { Sample } from "../../../../src/console/watch/samples.ts";
import { headline } from "../../../../src/console/views/snapshot.ts";
import { showCount, showRate, timeOf, titleOf } from "../../../../src/console/views/words.ts";
import type { LogStatus } from "../../../../src/shared/messages/status/log-status.ts";

test("numbers for people", () => {
  expect([0, 999, 1000, 1234567].map(showCount)).toEqual(["0", "999", "1\u202f000", "1\u202f234\u202f567"]);
  expect([0, 0.04, 0.5, 3, 9.96, 1234.4].map(showRate)).toEqual([
    "0/s",
    "<\u202f0.1/s",
    "0.5/s",
    "3/s",
    "10/s",
    "1\u202f234/s",
  ]);
  expect(timeOf("nonsense").text).toBe("–");
  expect([titleOf("breaker_open"), titleOf("of_tomorrow")]).toEqual([
    "The coordinator does not answer",
    "of_tomorrow",
  ]);
});

describe("a chart", () => {
  test.each([
    [0, 2],
    [2, 2],
    [3, 4],
    [9, 10],
    [10, 10],
    [11, 20],
    [41, 60],
    [99, 100],
    [101, 200],
    [1_000_001, 2_000_000],
  ])("with %d at the most ends at %d", (highest, top) => {
    expect(axisTop(highest)).toBe(top);
  });

  const [range] = RANGES;
  const now = 1_700_000_000_000;
  const draw = (samples: Sample[]): string =>
    chart({
      id: "x",
      title: "Backlog",
      unit: "count",
      series: [{ name: "waiting", of: (it) => it.backlog }],
      samples,
      troubles: [{ kind: "away", from: now - 10_000, text: "" }],
      range,
      now,
    }).text;
  const sample = (ago: number, backlog: number): Sample => ({
    at: now - ago * 1000,
    backlog,
    accepted: 0,
    delivered: 0,
    dead: 0,
  });

  test("is said in words and as a table, too", () => {
    const text = draw([sample(20, 5), sample(10, 80), sample(1, 7)]);
    expect(text).toContain('aria-label="Backlog, last 15 minutes. waiting: now 7, at most 80."');
    expect(text).toContain("<caption");
    expect(text).toMatch(/<rect\s+class="band away"/);
  });

  test("does not draw across a hole", () => {
    const text = draw([sample(20, 5), sample(19, 5), sample(18, NaN), sample(17, 5), sample(16, 5)]);
    expect(/class="line s1" d="([^"]*)"/.exec(text)?.[1]?.match(/M/g)).toHaveLength(2);
  });

  test("without a sample says that it waits", () => {
    expect(draw([])).toContain("The first numbers come in a second.");
    expect(draw([])).toContain("waiting: nothing known yet");
  });
});

describe("the headline", () => {
  const controls = { sessions: [] };
  const known = (paused?: LogStatus["controls"]["paused"]) => ({
    known: {
      wall: 0,
      status: { controls: { ...controls, ...(paused ? { paused } : {}) } } as unknown as LogStatus,
    },
  });
  const up = { phase: "up" } as const;
  const byHand = { phase: "paused", reason: "paused_by_operator", since: 1, text: "" } as const;
  const refused = {
    phase: "paused",
    reason: "mass_refusal",
    since: 1,
    text: "422 no",
  } as const;
  const wish = { v: 1, since: 5, text: "maintenance" } as const;

  test.each([
    ["all is well", { gate: up, connected: true, reading: known() }, "good", "Forwarding"],
    [
      "the broker is away",
      { gate: up, connected: false, reading: known() },
      "bad",
      "The broker does not answer",
    ],
    [
      "no relay runs",
      { gate: { phase: "unheard" as const, since: 3 }, connected: true, reading: known() },
      "bad",
      "No relay responds",
    ],
    [
      "somebody paused, but it goes on for a moment",
      { gate: up, connected: true, reading: known(wish) },
      "wait",
      "Pausing",
    ],
    [
      "somebody paused",
      { gate: byHand, connected: true, reading: known(wish) },
      "wait",
      "Paused by an operator",
    ],
    [
      "somebody resumed a moment ago",
      { gate: byHand, connected: true, reading: known() },
      "wait",
      "Resuming",
    ],
    [
      "most is refused",
      { gate: refused, connected: true, reading: known() },
      "bad",
      "Forwarding is paused: The coordinator refuses most events",
    ],
    [
      "nothing is known yet",
      { gate: { phase: "checking" as const }, connected: true, reading: {} },
      "wait",
      "Asking the coordinator",
    ],
  ])("when %s", (_, snapshot, mood, title) => {
    expect(headline(snapshot)).toMatchObject({ mood, title });
  });
});
