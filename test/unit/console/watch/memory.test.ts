import { describe, expect, test } from "vitest";
import {
  drainMs,
  Samples,
  sliceOf,
  summary,
  thin,
  type Counts,
  type Sample,
} from "../../../../src/console/watch/samples.ts";
import { Timeline } from "../../../../src/console/watch/timeline.ts";

const MINUTE = 60_000;
const START = 1_700_000_040_000; // a whole minute

function countsAt(second: number, more: Partial<Counts> = {}): Counts {
  return {
    now: second * 1000,
    wall: START + second * 1000,
    backlog: second,
    lastSeq: second * 10,
    delivered: second * 4,
    dead: 2,
    ...more,
  };
}

describe("samples", () => {
  test("rates are per second, whatever the time between two of them", () => {
    const samples = new Samples();
    samples.add(countsAt(0));
    samples.add(countsAt(5));
    expect(samples.latest()).toEqual({
      at: START + 5000,
      backlog: 5,
      accepted: 10,
      delivered: 4,
      dead: 2,
    });
  });

  test("a log that was made anew counts from nothing, not below", () => {
    const samples = new Samples();
    samples.add(countsAt(9));
    samples.add(countsAt(10, { lastSeq: 3 }));
    expect(samples.latest()?.accepted).toBe(0);
  });

  test("what happened in a hole is not spread over it", () => {
    const samples = new Samples();
    samples.add(countsAt(0));
    samples.add(countsAt(1));
    samples.hole(START + 2000);
    samples.add(countsAt(60));
    samples.add(countsAt(61));
    const backlogs = samples.since(START + 61_000, 15 * MINUTE).map(({ backlog }) => backlog);
    expect(backlogs).toEqual([1, NaN, 61]);
    expect(samples.latest()?.accepted).toBe(10);
  });

  test("15 minutes of seconds and 24 hours of minutes are kept, and no more", () => {
    const samples = new Samples();
    const end = 26 * 3600;
    for (let second = 0; second <= end; second++) samples.add(countsAt(second));
    const now = START + end * 1000;
    expect(samples.since(now, 15 * MINUTE)).toHaveLength(900);
    const day = samples.since(now, 24 * 60 * MINUTE);
    expect(day.length).toBeGreaterThanOrEqual(1440);
    expect(day.length).toBeLessThanOrEqual(1441);
    expect(day[0]?.at).toBeGreaterThan(now - 24 * 60 * MINUTE - MINUTE);
    expect(day.at(-1)?.at).toBe(now); // the minute that is not over yet counts too
    expect(samples.since(now, 3 * 60 * MINUTE)).toHaveLength(181);
  });

  test("a peak survives a summary, rates are averaged, holes do not count", () => {
    const sample = (at: number, backlog: number, accepted: number): Sample => ({
      at,
      backlog,
      accepted,
      delivered: 0,
      dead: at,
    });
    const hole = { ...sample(3, NaN, NaN), delivered: NaN, dead: NaN };
    expect(summary([sample(1, 90, 10), sample(2, 5, 20), hole])).toEqual({
      at: 3,
      backlog: 90,
      accepted: 15,
      delivered: 0,
      dead: 2,
    });
    expect(summary([hole])).toEqual(hole);
  });

  test("a drawing has a bounded number of points, and its slices stand still", () => {
    const slice = sliceOf(15 * MINUTE, 180);
    expect(slice).toBe(5000);
    const all = Array.from({ length: 900 }, (_, i) => ({
      at: START + i * 1000,
      backlog: i,
      accepted: 0,
      delivered: 0,
      dead: 0,
    }));
    const whole = thin(all, slice);
    expect(whole).toHaveLength(180);
    expect(thin(all.slice(7), slice).slice(1)).toEqual(whole.slice(2));
    for (const span of [1000, MINUTE, 15 * MINUTE, 3 * 60 * MINUTE, 24 * 60 * MINUTE])
      expect(span / sliceOf(span, 180)).toBeLessThanOrEqual(180);
  });
});

describe("the timeline of outages", () => {
  const away = { phase: "away", since: 100, text: "ECONNREFUSED" } as const;
  const paused = { phase: "paused", reason: "unauthorized", since: 200, text: "401" } as const;

  test("an outage lasts until something else begins", () => {
    const timeline = new Timeline();
    timeline.gate({ phase: "checking" }, 50);
    timeline.gate({ phase: "up" }, 60);
    expect(timeline.list()).toEqual([]);
    timeline.gate(away, 100);
    expect(timeline.list()).toEqual([{ kind: "away", from: 100, text: "ECONNREFUSED" }]);
    timeline.gate(paused, 200);
    timeline.gate({ phase: "up" }, 300);
    expect(timeline.list()).toEqual([
      { kind: "paused", from: 200, to: 300, code: "unauthorized", text: "401" },
      { kind: "away", from: 100, to: 200, text: "ECONNREFUSED" },
    ]);
  });

  test("the broker's outages are listed beside the coordinator's", () => {
    const timeline = new Timeline();
    timeline.broker(true, 1);
    timeline.gate(away, 100);
    timeline.broker(false, 150);
    timeline.broker(false, 160);
    expect(timeline.list().map(({ kind, from, to }) => [kind, from, to])).toEqual([
      ["away", 100, undefined],
      ["broker", 150, undefined],
    ]);
    timeline.broker(true, 170);
    expect(timeline.list()[1]).toMatchObject({ kind: "broker", from: 150, to: 170 });
  });

  test("a reason that comes later belongs to the same outage, and stays", () => {
    const timeline = new Timeline();
    timeline.gate({ phase: "away", since: 100, text: "" }, 100);
    timeline.gate(away, 101);
    timeline.gate({ phase: "away", since: 100, text: "" }, 102);
    expect(timeline.list()).toEqual([{ kind: "away", from: 100, text: "ECONNREFUSED" }]);
    timeline.gate({ ...away, since: 300 }, 300);
    expect(timeline.list()).toHaveLength(2);
  });

  test("a time without a relay is an outage too", () => {
    const timeline = new Timeline();
    timeline.gate({ phase: "unheard", since: 50 }, 80);
    timeline.gate({ phase: "up" }, 90);
    expect(timeline.list()).toEqual([{ kind: "unheard", from: 50, to: 90, text: "no relay responds" }]);
  });

  test("a clock that is set back makes no negative outage", () => {
    const timeline = new Timeline();
    timeline.gate(away, 100);
    timeline.gate({ phase: "up" }, 40);
    expect(timeline.list()[0]).toMatchObject({ from: 100, to: 100 });
  });

  test("only the newest are kept, the others are counted, and no text is long", () => {
    const timeline = new Timeline();
    for (let n = 0; n < 250; n++) {
      timeline.gate({ ...away, since: n, text: "x".repeat(5000) }, n);
      timeline.gate({ phase: "up" }, n + 1);
    }
    expect(timeline.list()).toHaveLength(200);
    expect(timeline.forgotten).toBe(50);
    expect(timeline.list()[0]?.from).toBe(249);
    expect(timeline.list()[0]?.text).toHaveLength(300);
  });
});

describe("an estimate of when the backlog is empty", () => {
  const falling = (backlogs: number[]): Sample[] =>
    backlogs.map((backlog, n) => ({ at: n * 1000, backlog, accepted: 0, delivered: 0, dead: 0 }));

  test.each<[string, number[], number, number | undefined]>([
    ["it shrinks by ten a second", [100, 90, 80, 70, 60], 60, 6000],
    ["it grows", [60, 70, 80, 90, 100], 100, undefined],
    ["it stands still", [60, 60, 60, 60, 60], 60, undefined],
    ["it is empty", [100, 50, 10, 5, 0], 0, undefined],
    ["too little is known", [100, 90], 90, undefined],
    ["with a hole", [100, NaN, 80, 70, 60, 50], 50, 5000],
  ])("%s", (_, backlogs, backlog, ms) => {
    expect(drainMs(falling(backlogs), backlog)).toBe(ms);
  });
});
