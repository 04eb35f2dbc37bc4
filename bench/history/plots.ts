import type { SavedFigure, SavedRun } from "./saved.ts";
import { newestOf } from "./saved.ts";
import { plotSvg, type Plot, type Series } from "./plot.ts";

/** A picture of docs/performance/. */
export type PlotFile = { file: string; title: string; svg: string };

/** Figures whose way through the runs is drawn, as row and figure; each divided by its budget, so that they share an axis. */
const MAIN: readonly { name: string; row: string; what: string }[] = [
  { name: "ingest, fsync, 64", row: "ingest", what: "fsync, 64 connections, against a bare echo" },
  { name: "path, 16 connections", row: "path", what: "16 connections, against a plain proxy" },
  { name: "path, 64 connections", row: "path", what: "64 connections, against a plain proxy" },
  {
    name: "drain, coordinator 0 ms",
    row: "drain",
    what: "one POST per event, coordinator 0 ms, against raw undici",
  },
  {
    name: "batches, 100 sessions",
    row: "drain in batches",
    what: "100 sessions, against single POSTs of raw undici",
  },
  { name: "passthrough, 64", row: "passthrough", what: "64 connections, against @fastify/http-proxy" },
];

/** Plots of figures that have a `point` in them. */
const OF_POINTS: readonly { plot: string; title: string; x: string; y: string }[] = [
  {
    plot: "path-cpu",
    title: "Processor time per event of the whole path",
    x: "connections",
    y: "microseconds per event",
  },
  { plot: "scale-rate", title: "Drain rate over the backlog", x: "events that wait", y: "events per second" },
  { plot: "scale-relay", title: "Peak memory of a relay over the backlog", x: "events that wait", y: "MB" },
  { plot: "scale-broker", title: "Memory of the broker over the backlog", x: "events that wait", y: "MB" },
  {
    plot: "scale-commands",
    title: "Largest memory of status, deliveries and replay",
    x: "events that wait",
    y: "MB",
  },
  {
    plot: "scale-start",
    title: "Start of a relay to its first event",
    x: "events that wait",
    y: "milliseconds",
  },
];

/** All pictures that the runs give; those without any value are left out. Runs are in the order of time. Pure. */
export function plotsOf(runs: readonly SavedRun[], rows: readonly string[]): PlotFile[] {
  const files = [historyOf(runs), ...OF_POINTS.map((of) => pointsOf(runs, rows, of))];
  return files.filter((file) => file !== undefined);
}

function historyOf(runs: readonly SavedRun[]): PlotFile | undefined {
  const dated = runs.filter(({ figures }) => MAIN.some((main) => figures.some((it) => isOf(main, it))));
  const series = MAIN.map((main) => ({
    name: main.name,
    points: dated.flatMap(({ figures }, x) =>
      figures.filter((it) => isOf(main, it)).map((it) => ({ x, y: ofBudget(it) })),
    ),
  }));
  return fileOf("history", {
    title: "The main figures, run by run",
    x: {
      kind: "steps",
      labels: dated.map(({ date, revision }) => `${date.slice(5, 10)} ${revision.slice(0, 5)}`),
    },
    y: "value by its budget: above 1 it holds",
    level: { y: 1, text: "budget" },
    series,
  });
}

function isOf({ row, what }: (typeof MAIN)[number], figure: SavedFigure): boolean {
  return figure.row === row && figure.what === what && figure.budget !== undefined;
}

function ofBudget({ value, budget }: SavedFigure): number {
  if (budget === undefined) return NaN;
  return budget.better === "more" ? value / budget.bound : budget.bound / value;
}

function pointsOf(
  runs: readonly SavedRun[],
  rows: readonly string[],
  of: (typeof OF_POINTS)[number],
): PlotFile | undefined {
  const series = new Map<string, { x: number; y: number }[]>();
  for (const { figures } of newestOf(runs, rows))
    for (const { value, point } of figures) {
      if (point?.plot !== of.plot) continue;
      series.set(point.series, [...(series.get(point.series) ?? []), { x: point.x, y: value }]);
    }
  return fileOf(of.plot, {
    title: of.title,
    x: { kind: "log", title: of.x },
    y: of.y,
    series: [...series].map(([name, points]) => ({ name, points })),
  });
}

function fileOf(name: string, plot: Plot): PlotFile | undefined {
  const series = plot.series.filter(({ points }: Series) => points.length > 0);
  if (series.length === 0) return undefined;
  return { file: `${name}.svg`, title: plot.title, svg: plotSvg({ ...plot, series }) };
}
