import { mkdtempSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { campaignsOf, CLUSTER_PLAYS, RUNNER_PLAYS, WATCH_PLAYS, type Campaign } from "./campaigns.ts";
import { createReport, type Report } from "./report.ts";
import { asksForRounds, roundsCommand, ROUNDS_FLAGS, ROUNDS_USAGE } from "./rounds/command.ts";
import { EVIDENCE } from "./stage.ts";

// rounds/ a system as others see it, also of others · campaigns.ts has the list, campaigns/ one file per campaign · stage.ts the product as processes · load.ts the executors · judge.ts and checker.ts the verdict

const USAGE = `npm run faults -- [--seed N] [--only NAME] [--rounds N] [--play NAME] [--kind TEXT] [--gap MS] [--seconds N] [--minutes N]

Campaigns against the product as it runs: real processes, killed and disturbed under load. Prints the seed and every figure, and
ends with 1 if one does not hold.

  --rounds  with --only kill: kills, shared by gateway, relay and nats-server (default 100)
            with --only and --kind: how often each kind of damage is done; cuts in the campaign "power"
  --seed    moments and victims repeat with it (default: random)
  --only    run one campaign
  --play    one play of the campaign "runner": ${RUNNER_PLAYS.join(", ")}
            or "watch": ${WATCH_PLAYS.join(", ")}
            or "cluster": ${CLUSTER_PLAYS.join(", ")}
  --kind    kinds of damage whose names contain this, in the campaign "damage"
  --gap     mean time between two kills, milliseconds (default 3000)
  --seconds how long a host is cut off in the campaign "leaf" (default 30)
  --minutes length of the campaigns "soak" (default 60), "sessions-soak" and "mixed" (default 40)

${ROUNDS_USAGE}`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    seed: { type: "string" },
    only: { type: "string" },
    play: { type: "string" },
    kind: { type: "string" },
    gap: { type: "string", default: "3000" },
    seconds: { type: "string", default: "30" },
    minutes: { type: "string" },
    ...ROUNDS_FLAGS,
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds ?? 100);
const gapMs = Number(values.gap);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const { play, kind } = values;
const campaigns = campaignsOf({ rounds, gapMs, seconds, minutes, seed, play, kind });

// Logs of 1 GiB are not to stay behind, whatever ends this process; evidence is.
const home = mkdtempSync(join(tmpdir(), "rr-campaigns-"));
process.env["TMPDIR"] = home;
let interrupted = false;
process.on("exit", () => {
  for (const name of readdirSync(home)) {
    if (interrupted || !name.startsWith(EVIDENCE))
      rmSync(join(home, name), { recursive: true, force: true, maxRetries: 3 });
  }
  if (readdirSync(home).length === 0) rmdirSync(home);
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    interrupted = true;
    process.exit(130);
  });
}

process.exitCode = await main();

async function main(): Promise<number> {
  const wanted = campaigns.filter(({ name, byName }) =>
    values.only === undefined ? !byName : name === values.only,
  );
  const noPlay =
    values.play !== undefined && ![...RUNNER_PLAYS, ...WATCH_PLAYS, ...CLUSTER_PLAYS].includes(values.play);
  if (
    values.help ||
    wanted.length === 0 ||
    noPlay ||
    ![rounds, gapMs, seconds, minutes ?? 1, seed].every(Number.isFinite)
  ) {
    console.log(`${USAGE}\n\nCampaigns: ${campaigns.map(({ name }) => name).join(", ")}`);
    return values.help ? 0 : 2;
  }
  console.log(`seed ${seed}`);
  if (asksForRounds(values)) return roundsCommand({ ...values, seed });
  const failed: string[] = [];
  for (const campaign of wanted) {
    console.log(`\n${campaign.name}: ${campaign.what}`);
    const report = createReport((line) => console.log(`  ${line}`));
    await withinLimit(campaign, report);
    failed.push(...report.failed.map((line) => `${campaign.name}: ${line}`));
  }
  console.log(
    failed.length === 0 ? "\nall hold" : `\n${failed.length} NOT OK, seed ${seed}\n  ${failed.join("\n  ")}`,
  );
  return failed.length === 0 ? 0 : 1;
}

/** A campaign that hangs ends the whole run: its processes end with this one, by their channel. */
async function withinLimit({ name, limitMs, run }: Campaign, report: Report): Promise<void> {
  const limit = setTimeout(() => {
    console.log(`  NOT OK  ${name} did not end within ${limitMs / 1000} s, seed ${seed}`);
    process.exit(1);
  }, limitMs);
  try {
    await run(report);
  } catch (error) {
    report.check(
      "campaign ended",
      false,
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
  } finally {
    clearTimeout(limit);
  }
}
