/**
 * A state machine of the product as a test sees it. `states` and `events` are samples under the names that docs/architecture.md gives them; several
 * under one name where the outcome depends on what is in them.
 */
export type Machine<S, E> = {
  /** Its file, as docs/architecture.md cites it. */
  file: string;
  step: (state: S, event: E) => readonly [S, readonly { do: string }[]];
  nameOf: (state: S) => string;
  states: Record<string, readonly S[]>;
  events: Record<string, readonly E[]>;
};

/** One line of a transition table. A transition that changes neither the state's name nor anything outside has none. */
export type Transition = { in: string; on: string; becomes: string; does: string };

/** What a machine really does with its samples. Pure. */
export function transitionsOf<S, E>(machine: Machine<S, E>): Transition[] {
  const found = new Map<string, Transition>();
  for (const [from, states] of Object.entries(machine.states)) {
    for (const [on, events] of Object.entries(machine.events)) {
      for (const state of states) {
        for (const event of events) {
          const [next, effects] = machine.step(state, event);
          const row = {
            in: from,
            on,
            becomes: machine.nameOf(next),
            does: effects.map((effect) => effect.do).join(", "),
          };
          if (row.becomes !== from || row.does !== "") found.set(JSON.stringify(row), row);
        }
      }
    }
  }
  return sorted([...found.values()]);
}

/**
 * The transition tables of a page, by the first source file that is cited in their section. A table has the columns `in`, `on`, `becomes` and `does`
 * (a column `when` is for the reader); a cell of `in`, `on` names one or several, separated by commas. Pure.
 */
export function tablesOf(page: string): Map<string, Transition[]> {
  const tables = new Map<string, Transition[]>();
  for (const section of page.split(/^#{2,} /m)) {
    const lines = section.split("\n").filter((line) => line.startsWith("|"));
    const at = lines.findIndex((line) => cellsOf(line).includes("becomes"));
    const file = /`(src\/[^`]+\.ts)`/.exec(section)?.[1];
    if (at < 0 || file === undefined) continue;
    const columns = cellsOf(lines[at] ?? "");
    tables.set(file, sorted(lines.slice(at + 2).flatMap((line) => rowsOf(columns, cellsOf(line)))));
  }
  return tables;
}

function rowsOf(columns: string[], cells: string[]): Transition[] {
  const cell = (column: string): string => cells[columns.indexOf(column)] ?? "";
  const several = (column: string): string[] => cell(column).split(/,\s*/);
  const rest = { becomes: cell("becomes"), does: cell("does") };
  return several("in").flatMap((from) => several("on").map((on) => ({ in: from, on, ...rest })));
}

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.replaceAll(/[`*]/g, "").trim());
}

function sorted(rows: Transition[]): Transition[] {
  return rows
    .map((row) => [JSON.stringify(row), row] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
}
