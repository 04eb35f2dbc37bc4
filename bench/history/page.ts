import { boundText, shown } from "../figure.ts";
import { detailOf } from "../report.ts";
import { newestOf, type Newest, type SavedFigure, type SavedRun } from "./saved.ts";

export const BEGIN = "<!-- figures: made by `npm run bench -- --save`, not by hand -->";
export const END = "<!-- end of the figures -->";

const HOLDS = { no: "**no**", yes: "yes", aim: "yes, aim reached" } as const;
const UNITS: Partial<Record<SavedFigure["unit"], string>> = { x: "×", us: " µs" };

/** A picture of the section. */
type Picture = { file: string; title: string };

/** The tables and pictures that stand between the page's markers. Pure. */
export function sectionOf(
  runs: readonly SavedRun[],
  rows: readonly string[],
  pictures: readonly Picture[],
): string {
  const tables = newestOf(runs, rows).map((group) =>
    [introOf(group), tableOf(group.figures), ...group.notes.map(({ by, text }) => `*${by}*: ${text}.`)].join(
      "\n\n",
    ),
  );
  const shownPictures = pictures.map(({ file, title }) => `![${title}](performance/${file})`);
  return [BEGIN, ...tables, ...shownPictures, END].join("\n\n");
}

/** The page with another section between its markers. Pure. */
export function withSection(page: string, section: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from === -1 || to < from) throw new Error("the page has no markers for the figures");
  return page.slice(0, from) + section + page.slice(to + END.length);
}

function introOf({ run }: Newest): string {
  const { machine, date, revision, quick, load } = run;
  const how = quick ? "with `--quick`" : "in full length";
  const on = `${machine.cores} cores (${machine.cpu}), ${machine.platform}, Node ${machine.node.replace("v", "")}`;
  return (
    `Measured on ${date.slice(0, 10)} at revision ${revision}, ${how}, on ${on}, one synced write ${machine.fsyncMs} ms; ` +
    `load average before it began: ${load.toFixed(1)}.`
  );
}

function tableOf(figures: readonly SavedFigure[]): string {
  const head = ["row", "figure", "value (single rounds)", "at least", "aim", "holds", "absolute"];
  const lines = [head, head.map(() => "---"), ...figures.map(cellsOf)];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

function cellsOf(figure: SavedFigure): string[] {
  const { row, what, value, unit, range, budget, holds } = figure;
  const suffix = UNITS[unit] ?? (unit === "/s" || unit === "%" ? unit : ` ${unit}`);
  const ends = range.map(shown);
  const spread = ends[0] === ends[1] ? "" : ` (${ends.join("–")})`;
  const bound = (number: number | undefined): string =>
    budget === undefined ? "" : boundText(number, budget.better).replace(">=", "≥").replace("<=", "≤");
  return [
    row,
    what,
    `${shown(value)}${suffix}${spread}`,
    bound(budget?.bound),
    bound(budget?.stretch),
    holds === undefined ? "" : HOLDS[holds],
    detailOf(figure),
  ];
}
