import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CONTROLS, runControl } from "./controls/control.ts";
import { lastPiece, readHistory } from "./history.ts";
import { addResult, roundsResult, writeResult } from "../reliability/results.ts";
import { EVIDENCE } from "../stage.ts";
import { runRounds } from "./run.ts";
import { SUBJECTS } from "./subjects.ts";
import { shownTally } from "./table.ts";
import { objections, tallyOf } from "./tally.ts";

// link.ts a network that can be disturbed · subject.ts what is tested, ours.ts and rivals/ those there are · nemeses.ts what is done to them · round.ts one round, run.ts
// many · history.ts what is written down · tally.ts the checker · table.ts shows what it found

/** Flags of `npm run faults` that belong to the rounds. */
export const ROUNDS_FLAGS = {
  subject: { type: "string" },
  nemesis: { type: "string" },
  resume: { type: "string" },
  check: { type: "string" },
  control: { type: "string" },
  out: { type: "string" },
  add: { type: "string" },
} as const;

export type RoundsFlags = {
  rounds?: string | undefined;
  seed: number;
  minutes?: string | undefined;
  subject?: string | undefined;
  nemesis?: string | undefined;
  resume?: string | undefined;
  check?: string | undefined;
  control?: string | undefined;
  out?: string | undefined;
  add?: string | undefined;
};

export const ROUNDS_USAGE = `npm run faults -- --rounds N [--seed N] [--subject NAME] [--nemesis EXPRESSION] [--resume FILE] [--minutes N] [--out FILE | --add FILE]
npm run faults -- --check FILE [--out FILE | --add FILE]
npm run faults -- --control NAME [--out FILE]

Rounds against a system as others see it: executors send events over HTTP, a coordinator records what arrives, something is disturbed
for a few seconds, and a checker holds the two against each other. Ends with 1 if it objects.

  --subject what is tested: ${Object.keys(SUBJECTS).join(", ")} (default ours)
  --nemesis only disturbances whose names match this expression
  --resume  file of the history: goes on behind its last round; begun if there is none (default: a new file)
  --minutes a piece ends after this, and --resume adds the next one (default 40)
  --check   checks a history again
  --out     writes the result as JSON, for \`npm run reliability\`
  --add     adds the newest piece of the history to such a result
  --control breaks the product on purpose, and ends with 0 only if the check sees it: ${CONTROLS.join(", ")}`;

const MOST_MINUTES = 40;
/** The longest that a coordinator's fault pauses us is half a minute; a job of a dead worker of BullMQ is found within a minute. */
const SETTLE_MS = 90_000;
/** What a broken product has lost will not come. */
const CONTROL_SETTLE_MS = 15_000;

/** Whether flags ask for rounds, and not for campaigns. Pure. */
export function asksForRounds(flags: Omit<RoundsFlags, "seed"> & { only?: string | undefined }): boolean {
  if (flags.only !== undefined) return false;
  const { rounds, subject, nemesis, resume, check, control } = flags;
  return [rounds, subject, nemesis, resume, check, control].some((flag) => flag !== undefined);
}

/** Runs rounds or checks a history; the exit code. */
export async function roundsCommand(flags: RoundsFlags): Promise<number> {
  if (flags.check !== undefined) return verdictOn(flags.check, flags);
  const { subject: name = "ours", control, seed } = flags;
  const subject = SUBJECTS[name];
  if (subject === undefined || (control !== undefined && !CONTROLS.includes(control))) {
    console.log(ROUNDS_USAGE);
    return 2;
  }
  const file = fileOf(flags, control ?? name);
  const print = (line: string): void => console.log(line);
  if (control !== undefined) {
    const result = await runControl({ name: control, seed, file, settleMs: CONTROL_SETTLE_MS, print });
    print(result.caught ? "the mistake was seen, as it must be" : "NOT OK: the mistake was not seen");
    if (flags.out !== undefined) writeResult(flags.out, result);
    return result.caught ? 0 : 1;
  }
  await runRounds({
    name,
    subject,
    rounds: Number(flags.rounds ?? 20),
    seed,
    ...(flags.nemesis !== undefined && { nemesis: flags.nemesis }),
    file,
    minutes: Math.min(MOST_MINUTES, Number(flags.minutes ?? MOST_MINUTES)),
    settleMs: SETTLE_MS,
    print,
  });
  return verdictOn(file, flags);
}

/** The file that was named, or a new one, which stays. */
function fileOf({ resume, seed }: RoundsFlags, name: string): string {
  const file = resolve(resume ?? join(tmpdir(), `${EVIDENCE}${name}-${seed}-${Date.now()}.ndjson`));
  mkdirSync(dirname(file), { recursive: true });
  return file;
}

function verdictOn(file: string, { out, add }: Pick<RoundsFlags, "out" | "add">): number {
  const lines = readHistory(file);
  const tally = tallyOf(lines);
  if (add !== undefined) addResult(add, roundsResult(tallyOf(lastPiece(lines))));
  if (out !== undefined) writeResult(out, roundsResult(tally));
  for (const line of shownTally(tally)) console.log(line);
  return objections(tally.total).length === 0 && tally.total.rounds > 0 ? 0 : 1;
}
