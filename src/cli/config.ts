import { Command } from "commander";
import { ALL_SETTINGS, COORDINATOR_SETTINGS } from "../shared/settings/index.ts";
import { loadSettings, redacted } from "../shared/base/config/load.ts";
import type { Setting } from "../shared/base/config/setting.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { dataFolder } from "./folders.ts";
import { UP_TABLE } from "./up/table.ts";

export function command(context: Context): Command {
  const self = new Command("config")
    .description(
      "Prints the effective settings from flags, environment and defaults. Secrets are shown as `set` or `unset`.",
    )
    .option("--json", "print JSON");
  return addFlags(self, UP_TABLE).action(({ json }: { json?: true }) => {
    const { env } = context;
    const own = loadSettings(UP_TABLE, { env, flags: flagsOf(self, UP_TABLE), known: ALL_SETTINGS }).values;
    const standIn = loadSettings(COORDINATOR_SETTINGS, { env, known: ALL_SETTINGS }).values;
    const table: Record<string, Setting> = { ...UP_TABLE, ...COORDINATOR_SETTINGS };
    const shown = redacted(table, { ...own, ...standIn, data: dataFolder(own.data, env) });
    const named = Object.entries(shown).map(([name, value]) => [table[name]?.env ?? name, value] as const);
    if (json) context.print(JSON.stringify(Object.fromEntries(named), null, 2));
    else {
      const width = Math.max(...named.map(([name]) => name.length));
      for (const [name, value] of named) context.print(`${name.padEnd(width)}  ${value}`);
    }
  });
}
