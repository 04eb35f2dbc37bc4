import { keeps, type Figure } from "./figure.ts";
import type { Machine } from "./machine.ts";

const WIDTHS = [17, 58, 10, 9, 9, 6] as const;

function line(cells: readonly string[], detail: string): string {
  return `${cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join(" ")} ${detail}`.trimEnd();
}

export function heading(): string {
  return line(["row", "figure", "value", "budget", "stretch", "holds"], "absolute");
}

export function lineOf(figure: Figure): string {
  const { budget, value, unit } = figure;
  const sign = budget.better === "more" ? ">=" : "<=";
  const bound = (number: number | undefined): string => (number === undefined ? "" : `${sign} ${number}`);
  const holds = !keeps(value, budget.bound, budget.better)
    ? "NO"
    : keeps(value, budget.stretch, budget.better)
      ? "yes +"
      : "yes";
  const cpu = Object.entries(figure.cpu ?? {}).map(([name, us]) => `${name} ${us}`);
  const detail = cpu.length === 0 ? figure.detail : `${figure.detail}; CPU us per event: ${cpu.join(", ")}`;
  const shown = `${value < 100 ? value.toPrecision(3) : value.toFixed(0)} ${unit}`;
  return line([figure.row, figure.what, shown, bound(budget.bound), bound(budget.stretch), holds], detail);
}

/** The whole run for programs. */
export function jsonOf(
  machine: Machine,
  quick: boolean,
  figures: readonly Figure[],
  failed: string[],
): string {
  const rows = figures.map((figure) => ({
    ...figure,
    holds: keeps(figure.value, figure.budget.bound, figure.budget.better),
    holdsStretch: keeps(figure.value, figure.budget.stretch, figure.budget.better),
  }));
  return `${JSON.stringify({ machine, quick, figures: rows, failed }, undefined, 2)}\n`;
}
