import { Command } from "commander";
import { runPrune } from "../shared/log/prune.ts";
import { systemClock } from "../shared/base/clock.ts";
import { ALL_SETTINGS, UP_SETTINGS } from "../shared/settings/index.ts";
import { loadSettings } from "../shared/base/config/load.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";

const TABLE = { ...CLIENT_TABLE, retention: { ...UP_SETTINGS.retention, flag: "retention" } } as const;

export function command(context: Context): Command {
  const self = new Command("prune")
    .description(
      "Deletes events that are settled and older than the retention. Unsettled and held events are never deleted.",
    )
    .option("--dry-run", "show what would be removed, without removing it");
  return addFlags(self, TABLE).action(async ({ dryRun }: { dryRun?: true }) => {
    const flags = flagsOf(self, TABLE);
    const { values } = loadSettings(TABLE, { env: context.env, flags, known: ALL_SETTINGS });
    const { removed, below } = await withBroker({ role: "prune", env: context.env, flags }, (nc) =>
      runPrune(nc, { retentionMs: values.retention, clock: systemClock, dryRun: dryRun === true }),
    );
    const what = dryRun ? "would be removed" : "removed";
    context.print(removed === 0 ? "nothing to prune" : `${removed} events below sequence ${below} ${what}`);
  });
}
