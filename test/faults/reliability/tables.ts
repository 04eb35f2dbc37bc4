import { foldedRows, objections, type Counts, type Row } from "../rounds/tally.ts";
import type { ControlResult, Result, RoundsResult } from "./results.ts";

// The tables of docs/reliability.md. All pure.

/** Ours in front, the others behind, by name. */
const OURS = ["ours", "ours-up", "ours-r3"];

const COUNTED: [keyof Counts, string][] = [
  ["rounds", "rounds"],
  ["acknowledged", "acknowledged"],
  ["lost", "lost"],
  ["inversions", "inversions"],
  ["early", "early"],
  ["repeats", "repeats"],
  ["keyless", "without key"],
  ["dead", "put aside"],
];

/** Each claim, its limit, and what the rounds against the product say of it. */
const CLAIMS: { name: string; says: string; limit: string; kinds: (keyof Counts)[] }[] = [
  {
    name: "DURABLE-1, SETTLE-1",
    says: "an acknowledged event is delivered, or is a dead letter with a reason",
    limit: "a disk that lies about its flushes, or one that dies without a replica, is not covered",
    kinds: ["lost"],
  },
  {
    name: "ORDER-1",
    says: "a session's events come in the order of their acknowledgement, none before the one before it is settled",
    limit: "per session; a redrive of a dead letter comes later",
    kinds: ["inversions", "early"],
  },
  {
    name: "ONCE-1",
    says: "a repeat has its first key, and comes only of what was in flight or just settled",
    limit: "the coordinator must know the key again to do a thing once",
    kinds: ["keyless", "old"],
  },
];

export type TableName = "claims" | "rounds" | "rivals" | "controls";

/** A table of the page by its name. */
export function tableOf(name: TableName, results: readonly Result[]): string {
  const rounds = results.filter((it): it is RoundsResult => it.is === "rounds");
  const ours = OURS.flatMap((subject) => rounds.filter((it) => it.subject === subject));
  const rivals = rounds.filter((it) => !OURS.includes(it.subject));
  switch (name) {
    case "claims":
      return claims(ours);
    case "rounds":
      return ours.map(roundsTable).join("\n\n");
    case "rivals":
      return rivalsTables([...ours, ...rivals], rivals);
    case "controls":
      return controls(results.filter((it): it is ControlResult => it.is === "control"));
  }
}

function claims(ours: readonly RoundsResult[]): string {
  return markdown(
    ["claim", "says", "limit", "against it in the rounds"],
    CLAIMS.map(({ name, says, limit, kinds }) => [
      `**${name}**`,
      says,
      limit,
      ours
        .map(({ subject, total }) => {
          const against = kinds.reduce((sum, kind) => sum + total[kind], 0);
          return `${subject}: ${against} in ${number(total.acknowledged)} events and ${total.rounds} rounds`;
        })
        .join("; "),
    ]),
  );
}

function roundsTable(result: RoundsResult): string {
  const rows = folded(result.rows);
  return [
    `**${result.subject}** (${result.settings}). ${madeOf(result)}`,
    "",
    markdown(
      ["nemesis", ...COUNTED.map(([, title]) => title)],
      [...rows, { nemesis: "**all**", ...result.total }].map((row) => cells(row)),
    ),
  ].join("\n");
}

function rivalsTables(all: readonly RoundsResult[], rivals: readonly RoundsResult[]): string {
  const sum = markdown(
    ["subject", ...COUNTED.map(([, title]) => title), "not settled in time"],
    all.map(({ subject, total }) => [...cells({ nemesis: subject, ...total }), `${total.late} rounds`]),
  );
  const each = rivals.map((result) => {
    const wrong = folded(result.rows).flatMap((row) => {
      const against = objections(row);
      return against.length === 0 ? [] : [`- ${row.nemesis} (${row.rounds}): ${against.join(", ")}`];
    });
    return [
      `**${result.subject}** (${result.settings}). ${madeOf(result)}`,
      "",
      ...(wrong.length === 0 ? ["The checker objects to nothing."] : wrong),
    ].join("\n");
  });
  return [sum, ...each].join("\n\n");
}

function controls(found: readonly ControlResult[]): string {
  return markdown(
    ["control", "what is broken", "what the check said", "seen"],
    found.map((it) => [`\`${it.control}\``, it.what, it.found, it.caught ? "yes" : "**no**"]),
  );
}

/** Pairs count as their first nemesis with a kill beside it. */
function folded(rows: readonly Row[]): Row[] {
  return foldedRows(
    rows.map((row) => {
      const [first = "", second] = row.nemesis.split(" + ");
      return second === undefined ? row : { ...row, nemesis: `${first}, and a kill` };
    }),
  );
}

function cells(row: Row): string[] {
  return [row.nemesis, ...COUNTED.map(([name]) => number(row[name]))];
}

function madeOf({ versions, date, seeds, pieces }: RoundsResult): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${programs.join(", ")}; ${date}, ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}, ${pieces === 1 ? "one piece" : `${pieces} pieces`}.`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
