import { expect, test } from "vitest";
import { plotsOf } from "../../../../bench/history/plots.ts";
import type { SavedFigure, SavedRun } from "../../../../bench/history/saved.ts";

const machine = { cores: 2, cpu: "a", memoryMb: 1, platform: "linux x64", node: "v24.0.0", fsyncMs: 0.2 };

function run(date: string, figures: Partial<SavedFigure>[]): SavedRun {
  const whole = figures.map((it): SavedFigure => ({
    by: "path",
    row: "path",
    what: "",
    value: 1,
    unit: "us",
    detail: "",
    range: [1, 1],
    ...it,
  }));
  return { date, revision: "0123abcd", quick: true, load: 0, machine, notes: [], figures: whole };
}

const MAIN = {
  what: "64 connections, against a plain proxy",
  budget: { bound: 0.36, better: "more" },
} as const;
const point = (x: number): NonNullable<SavedFigure["point"]> => ({
  plot: "path-cpu",
  series: "all processes",
  x,
});

test("the history has all runs of a figure, other plots the newest values", () => {
  const runs = [
    run("2026-11-01T00:00:00.000Z", [
      { ...MAIN, value: 0.18 },
      { value: 5000, point: point(1) },
    ]),
    run("2026-12-01T00:00:00.000Z", [
      { ...MAIN, value: 0.36 },
      { value: 100, point: point(1) },
      { value: 80, point: point(64) },
    ]),
  ];
  const plots = plotsOf(runs, ["path"]);
  expect(plots.map(({ file }) => file)).toEqual(["history.svg", "path-cpu.svg"]);
  expect(plots.map(({ svg }) => svg.match(/<circle /g)?.length)).toEqual([2, 2]);
  expect(plots[0]?.svg).toContain(">12-01 0123a<");
  expect(plots[1]?.svg).not.toContain("5,000");
});

test("what has no value yet has no picture", () => {
  expect(plotsOf([], ["path"])).toEqual([]);
});
