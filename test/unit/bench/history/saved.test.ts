import { expect, test } from "vitest";
import type { Figure } from "../../../../bench/figure.ts";
import { fileNameOf, newestOf, savedOf, textOf, type SavedRun } from "../../../../bench/history/saved.ts";

const ABOUT: Omit<SavedRun, "figures" | "notes"> = {
  date: "2026-12-01T07:35:10.000Z",
  revision: "0123abcd",
  quick: true,
  load: 0.1,
  machine: {
    cores: 2,
    cpu: "a processor",
    memoryMb: 1,
    platform: "linux x64",
    node: "v24.0.0",
    fsyncMs: 0.2,
  },
};

function figure(row: string, value: number): Figure {
  const budget = { bound: 0.3, stretch: 0.5, better: "more" } as const;
  return { row, what: "it", value, unit: "x", budget, detail: "", samples: [0.123456, value, 1 / 3] };
}

const run = (date: string, rows: string[]): SavedRun =>
  savedOf(
    { ...ABOUT, date },
    {
      measured: rows.map((by) => ({ by, figure: figure(by, 1) })),
      notes: rows.map((by) => ({ by, text: `of ${by}` })),
      failed: [],
    },
  );

test("a figure is kept with its verdict and the ends of its single values, without those of rows that failed", () => {
  const measured = ["ingest", "drain"].map((by) => ({ by, figure: figure(by, 0.4) }));
  const notes = ["ingest", "drain"].map((by) => ({ by, text: "so" }));
  const saved = savedOf(ABOUT, { measured, notes, failed: ["drain"] });
  const { figures } = saved;
  expect(saved.notes).toEqual([{ by: "ingest", text: "so" }]);
  expect(figures).toEqual([
    {
      by: "ingest",
      row: "ingest",
      what: "it",
      value: 0.4,
      unit: "x",
      budget: { bound: 0.3, stretch: 0.5, better: "more" },
      detail: "",
      range: [0.1235, 0.4],
      holds: "yes",
    },
  ]);
});

test("a run is read as it was written, a line for each figure", () => {
  const saved = run("2026-12-01T07:35:10.000Z", ["ingest", "drain"]);
  expect(JSON.parse(textOf(saved))).toEqual(saved);
  expect(textOf(saved).match(/^ {4}\{"by":/gm)).toHaveLength(2);
});

test("names of files sort as the runs were made", () => {
  expect(fileNameOf({ date: "2026-12-01T07:35:10.000Z", revision: "0123abcd+" })).toBe(
    "2026-12-01T0735-0123abcd-changed.json",
  );
});

test("each row is shown from its newest run", () => {
  const old = run("2026-11-01T00:00:00.000Z", ["ingest", "scale", "gone"]);
  const complete = run("2026-12-01T00:00:00.000Z", ["ingest", "drain"]);
  const shown = newestOf([old, complete], ["ingest", "drain", "scale", "new"]);
  const bys = (of: readonly { by: string }[]): string[] => of.map(({ by }) => by);
  expect(shown.map((it) => [it.run.date.slice(0, 10), bys(it.figures), bys(it.notes)])).toEqual([
    ["2026-12-01", ["ingest", "drain"], ["ingest", "drain"]],
    ["2026-11-01", ["scale"], ["scale"]],
  ]);
});
