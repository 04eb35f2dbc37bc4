import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnCoordinator } from "../../support/coordinator.ts";
import { EVIDENCE } from "../stage.ts";
import { openHistory, readHistory, type Line, type RunLine } from "./history.ts";
import { tailLedger } from "./ledger-tail.ts";
import { endOf, startLink } from "../../support/link.ts";
import { nemesesOf, planOf } from "./nemeses.ts";
import { playRound, settle, type Table } from "./round.ts";
import type { Stand, Subject } from "./subject.ts";

export type RunOptions = {
  name: string;
  subject: (stand: Stand) => Promise<Subject>;
  /** Of the whole run, in all its pieces. */
  rounds: number;
  seed: number;
  /** Expression that the names of the nemeses match. */
  nemesis?: string;
  control?: string;
  /** Where the history is, and goes on. */
  file: string;
  /** A piece ends after this, between two rounds. */
  minutes: number;
  /** How long what was acknowledged in a round has to be settled. */
  settleMs: number;
  print: (line: string) => void;
};

/** Plays rounds until there are enough of them, or until the time of a piece is over. Goes on where the file's last piece ended. */
export async function runRounds(options: RunOptions): Promise<void> {
  const { seed, print } = options;
  const before = readHistory(options.file);
  const { piece, round: first } = placeAfter(before);
  refuseMixture(before, options);
  print(`history: ${options.file}`);
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), EVIDENCE));
  let whole = false;
  scope.defer(async () => {
    if (whole) await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  const coordinator = scope.use(await spawnCoordinator());
  const link = scope.use(await startLink("subject – coordinator", endOf(coordinator.url)));
  const subject = scope.use(await options.subject({ coordinatorUrl: `http://${link.address}`, dir }));
  const nemeses = nemesesOf(subject, coordinator, link);
  const wanted = new RegExp(options.nemesis ?? "");
  const names = nemeses.map(({ name }) => name).filter((name) => wanted.test(name));
  if (names.length === 0) throw new Error(`no nemesis of ${nemeses.map(({ name }) => name).join(", ")}`);
  const { add: record } = openHistory(options.file);
  record([runLine(options, subject, piece)]);
  const table: Table = {
    subject,
    nemeses,
    arrivals: tailLedger(coordinator.ledgerFile),
    record,
    settled: new Set(),
    dead: new Set(),
    settleMs: options.settleMs,
  };
  const end = performance.now() + options.minutes * 60_000;
  let round = first;
  for (; round <= options.rounds && performance.now() < end; round++) {
    const plan = planOf(seed, round, names);
    const from = performance.now();
    await playRound(table, piece, round, plan);
    const seconds = (performance.now() - from) / 1000;
    print(
      `round ${String(round).padStart(4)}  ${seconds.toFixed(1).padStart(5)} s  ${plan.nemeses.join(" + ")}`,
    );
  }
  await settle(table, acknowledgedIn(readHistory(options.file), piece)); // what was late has the same time once more
  if (round <= options.rounds)
    print(`${options.rounds - round + 1} rounds are left: --resume ${options.file}`);
  whole = true;
}

function runLine({ name, seed, control }: RunOptions, subject: Subject, piece: number): RunLine {
  const { versions, settings } = subject;
  return {
    is: "run",
    piece,
    subject: name,
    ...(control !== undefined && { control }),
    seed,
    date: new Date().toISOString(),
    versions: { node: process.versions.node, ...versions },
    settings,
  };
}

/** Number of the next piece, and of its first round. A round that has no end is played again. Pure. */
export function placeAfter(lines: readonly Line[]): { piece: number; round: number } {
  let place = { piece: 1, round: 1 };
  for (const line of lines) {
    if (line.is === "run") place = { ...place, piece: line.piece + 1 };
    else if (line.is === "done") place = { ...place, round: line.round + 1 };
  }
  return place;
}

/** Pieces add up only if they are of one run. */
function refuseMixture(lines: readonly Line[], { name, seed, control, file }: RunOptions): void {
  const run = lines.find((line): line is RunLine => line.is === "run");
  if (run === undefined || (run.subject === name && run.seed === seed && run.control === control)) return;
  throw new Error(
    `${file} is the history of another run: ${run.subject}, seed ${run.seed}, control ${run.control}`,
  );
}

function acknowledgedIn(lines: readonly Line[], piece: number): string[] {
  const own = `p${piece}r`;
  return lines.flatMap((line) => (line.is === "ack" && line.marker.startsWith(own) ? [line.marker] : []));
}
