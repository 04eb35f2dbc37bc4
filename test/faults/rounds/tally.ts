import { check, firstApplied, readMarker, type Acknowledged, type Arrival } from "../checker.ts";
import { roundKey, type Line, type RunLine } from "./history.ts";

/** What was found, added up over rounds. */
export type Counts = {
  rounds: number;
  acknowledged: number;
  /** Events that the coordinator carried out. */
  delivered: number;
  dead: number;
  /** Acknowledged, and at the end of the history neither delivered nor a dead letter. */
  lost: number;
  /** Events that arrived first, or were carried out first, behind a later one of their session. */
  inversions: number;
  /** First arrivals before the event before them was settled. */
  early: number;
  /** Arrivals of what had been carried out before. */
  repeats: number;
  /** Of those: carried out more than 2 s before the disturbance that they came after. */
  old: number;
  /** Events that came again without their first key, or under another one. */
  keyless: number;
  /** Answers to executors that were no 2xx. */
  refused: number;
  /** Rounds in which something acknowledged was not settled when the round's patience ended. */
  late: number;
};

/** A nemesis, or a pair, and what was found in its rounds. */
export type Row = Counts & { nemesis: string };

export type Tally = {
  runs: RunLine[];
  rows: Row[];
  total: Counts;
  /** The first events of each kind of objection, for a person who looks into the history. */
  examples: Record<string, string[]>;
  /** Rounds that began and have no end: their piece was ended. They are not counted. */
  unfinished: number;
};

/** A checkpoint is stored twice a second; what a crash brings again is younger than this even where a process had to wait for its turn. */
const OLD_MS = 2000;
const EXAMPLES = 5;

type Round = {
  nemeses: string[];
  acknowledged: Acknowledged[];
  arrivals: Arrival[];
  refused: number;
  settled?: boolean;
};

/** Checks a history: what executors were told against what the coordinator saw, round by round. What came in a later round counts for its own. Pure. */
export function tallyOf(lines: readonly Line[]): Tally {
  const { rounds, runs, dead, begins } = sorted(lines);
  const tally: Tally = { runs, rows: [], total: none(), examples: {}, unfinished: 0 };
  const rows: Row[] = [];
  for (const round of rounds.values()) {
    if (round.settled === undefined) {
      tally.unfinished++;
      continue;
    }
    const counts = countsOf(round, { dead, begins }, tally.examples);
    tally.total = summed(tally.total, counts);
    rows.push({ nemesis: round.nemeses.join(" + "), ...counts });
  }
  tally.rows = foldedRows(rows);
  return tally;
}

/** One row for each nemesis, by its name. Pure. */
export function foldedRows(rows: readonly Row[]): Row[] {
  const sums = new Map<string, Row>();
  for (const row of rows) {
    const { nemesis } = row;
    sums.set(nemesis, { nemesis, ...summed(sums.get(nemesis) ?? none(), row) });
  }
  return [...sums.values()].sort((a, b) => (a.nemesis < b.nemesis ? -1 : 1));
}

/** What a checker must object to in a history of what keeps the invariants. */
export function objections({ lost, inversions, early, old, keyless }: Counts): string[] {
  return Object.entries({ lost, inversions, early, "old repeats": old, "repeats without their key": keyless })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
}

/** What a history says of everything: markers of dead letters, and when disturbances began. */
type World = { dead: Set<string>; begins: number[] };

function sorted(lines: readonly Line[]): World & { rounds: Map<string, Round>; runs: RunLine[] } {
  const begins: number[] = [];
  const rounds = new Map<string, Round>();
  const runs: RunLine[] = [];
  const dead = new Set<string>();
  let current: Round | undefined;
  const roundOf = (marker: string | undefined): Round | undefined => rounds.get(marker?.split("-")[0] ?? "");
  for (const line of lines) {
    switch (line.is) {
      case "run":
        runs.push(line);
        break;
      case "round":
        current = { nemeses: line.nemeses, acknowledged: [], arrivals: [], refused: 0 };
        rounds.set(roundKey(line.piece, line.round), current);
        break;
      case "fault":
        if (line.what === "begins") begins.push(line.at);
        break;
      case "ack":
        roundOf(line.marker)?.acknowledged.push(line);
        break;
      case "arrival":
        roundOf(line.marker)?.arrivals.push(line);
        break;
      case "refused": {
        const round = roundOf(line.marker);
        if (round !== undefined) round.refused++;
        break;
      }
      case "dead":
        dead.add(line.marker);
        break;
      case "done":
        if (current !== undefined) current.settled = line.settled;
        break;
      case "unanswered":
    }
  }
  return { rounds, runs, dead, begins };
}

function countsOf(round: Round, { dead, begins }: World, examples: Record<string, string[]>): Counts {
  const { acknowledged, arrivals } = round;
  const markers = new Set([...acknowledged, ...arrivals].map(({ marker }) => marker));
  const own = new Set([...dead].filter((marker) => markers.has(marker)));
  const found = check({ acknowledged, arrivals, dead: own });
  const firstAt = firstApplied(arrivals);
  const old = found.repeats.filter(({ marker = "", at }) => {
    const disturbed = begins.findLast((moment) => moment <= at) ?? Infinity;
    return (firstAt.get(marker) ?? Infinity) < disturbed - OLD_MS;
  });
  const { lost, early, strangeKeys } = found;
  const inversions = [...new Set([...found.inversions, ...overtaken(arrivals)])];
  const kinds = { lost, inversions, early, old: old.map(({ marker = "" }) => marker), keyless: strangeKeys };
  for (const [kind, list] of Object.entries(kinds))
    if (list.length > 0) examples[kind] = [...(examples[kind] ?? []), ...list].slice(0, EXAMPLES);
  return {
    rounds: 1,
    acknowledged: found.acknowledged,
    delivered: found.delivered,
    dead: own.size,
    lost: lost.length,
    inversions: inversions.length,
    early: early.length,
    repeats: found.repeats.length,
    old: old.length,
    keyless: new Set(strangeKeys).size,
    refused: round.refused,
    late: round.settled === true ? 0 : 1,
  };
}

/** Events that were carried out first when a later one of their session had been. */
function overtaken(arrivals: readonly Arrival[]): string[] {
  const highest = new Map<string, number>();
  return [...firstApplied(arrivals).keys()].filter((marker) => {
    const { session = "", n = 0 } = readMarker(marker) ?? {};
    const before = highest.get(session) ?? 0;
    highest.set(session, Math.max(before, n));
    return n < before;
  });
}

function none(): Counts {
  return {
    rounds: 0,
    acknowledged: 0,
    delivered: 0,
    dead: 0,
    lost: 0,
    inversions: 0,
    early: 0,
    repeats: 0,
    old: 0,
    keyless: 0,
    refused: 0,
    late: 0,
  };
}

/** Two counts as one. Pure. */
export function summed(a: Counts, b: Counts): Counts {
  const sum = none();
  for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] = a[name] + b[name];
  return sum;
}
