import type { ControlResult } from "../../reliability/results.ts";
import { createReport } from "../../report.ts";
import { power } from "../../campaigns/power.ts";
import { startOurs } from "../ours.ts";
import { readHistory } from "../history.ts";
import { runRounds } from "../run.ts";
import type { Stand, Subject } from "../subject.ts";
import { brokerVersion } from "../broker-version.ts";
import { shownTally } from "../table.ts";
import { objections, tallyOf } from "../tally.ts";
import { MISTAKES } from "./mistakes.ts";

// Controls that must fail: what the checks say of a product that is broken on purpose.

/** The control without the checker of the rounds: a broker that keeps the server's default sync interval, and a power cut. Root on Linux. */
const POWER = "default-sync";
const POWER_CUTS = 3;
const CONTROL_LINE = "the server's default loses events";

export const CONTROLS: readonly string[] = [...Object.keys(MISTAKES), POWER];

export type ControlOptions = {
  name: string;
  seed: number;
  file: string;
  settleMs: number;
  print: (line: string) => void;
};

/** Breaks the product, and looks whether the check objects. */
export async function runControl(options: ControlOptions): Promise<ControlResult> {
  const { name, print } = options;
  if (name === POWER) return powerControl(options);
  const mistake = MISTAKES[name];
  if (mistake === undefined) throw new Error(`no control is named ${name}`);
  print(`control: ${mistake.what}`);
  await runRounds({
    ...options,
    name: "ours",
    control: name,
    subject: (stand) => startBroken(stand, name),
    rounds: mistake.rounds,
    nemesis: mistake.nemesis,
    minutes: Infinity,
  });
  const tally = tallyOf(readHistory(options.file));
  for (const line of shownTally(tally)) print(line);
  const { total } = tally;
  return {
    ...(await resultOf(options)),
    what: mistake.what,
    caught: mistake.seen(total),
    found: `${objections(total).join(", ")} (${total.rounds} rounds, ${total.acknowledged} events)`,
  };
}

async function resultOf({
  name,
  seed,
}: ControlOptions): Promise<Omit<ControlResult, "what" | "caught" | "found">> {
  const versions = { node: process.versions.node, "nats-server": await brokerVersion() };
  return { is: "control", control: name, seed, date: new Date().toISOString().slice(0, 10), versions };
}

function startBroken(stand: Stand, name: string): Promise<Subject> {
  const preload = new URL(`preload.ts?${name}`, import.meta.url).href;
  return startOurs(stand, ["--import", preload]);
}

/** Cuts with the product's own settings lose nothing; with the server's default they lose. */
async function powerControl(options: ControlOptions): Promise<ControlResult> {
  const { seed, print } = options;
  const said: string[] = [];
  const report = createReport((line) => {
    said.push(line);
    print(line);
  });
  await power({ seed, cuts: POWER_CUTS, controlCuts: POWER_CUTS, perDisk: 25, gapMs: 400 }, report);
  const found = said.find((line) => line.includes(CONTROL_LINE))?.split(CONTROL_LINE)[1] ?? "";
  return {
    ...(await resultOf(options)),
    what: "the broker keeps the server's default sync interval, and the power goes",
    caught: report.failed.length === 0,
    found: found.trim(),
  };
}
