import { boundText, shown, verdictOf, type Figure } from "./figure.ts";
import type { Machine } from "./machine.ts";

const WIDTHS = [17, 58, 10, 9, 9, 6] as const;
const HOLDS = { no: "NO", yes: "yes", aim: "yes +" } as const;

function line(cells: readonly string[], detail: string): string {
  return `${cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join(" ")} ${detail}`.trimEnd();
}

export function heading(): string {
  return line(["row", "figure", "value", "budget", "stretch", "holds"], "absolute");
}

export function lineOf(figure: Figure): string {
  const { budget, value, unit } = figure;
  const bound = (number: number | undefined): string =>
    budget === undefined ? "" : boundText(number, budget.better);
  const verdict = verdictOf(figure);
  return line(
    [
      figure.row,
      figure.what,
      `${shown(value)} ${unit}`,
      bound(budget?.bound),
      bound(budget?.stretch),
      verdict === undefined ? "" : HOLDS[verdict],
    ],
    detailOf(figure),
  );
}

/** What is said of a figure for people, with its processor times. Pure. */
export function detailOf({ detail, cpu = {} }: Pick<Figure, "detail" | "cpu">): string {
  const times = Object.entries(cpu).map(([name, us]) => `${name} ${us}`);
  const spent = times.length === 0 ? "" : `CPU us per event: ${times.join(", ")}`;
  return [detail, spent].filter((part) => part !== "").join("; ");
}

/** The whole run for programs. */
export function jsonOf(
  machine: Machine,
  quick: boolean,
  figures: readonly Figure[],
  failed: readonly string[],
): string {
  const rows = figures.map((figure) => {
    const verdict = verdictOf(figure);
    return { ...figure, holds: verdict !== "no", holdsStretch: verdict === "aim" };
  });
  return `${JSON.stringify({ machine, quick, figures: rows, failed }, undefined, 2)}\n`;
}
