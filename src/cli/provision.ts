import { Command } from "commander";
import type { StartFrom } from "../shared/log/provision/checkpoints.ts";
import { provision } from "../shared/log/provision/provision.ts";
import { damageAdvice, damageText } from "../shared/log/state/damage.ts";
import { ALL_SETTINGS, UP_SETTINGS } from "../shared/settings/index.ts";
import { loadSettings } from "../shared/base/config/load.ts";
import { counted, showBytes } from "../shared/base/show.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { startFrom } from "./start-from.ts";

const TABLE = {
  ...CLIENT_TABLE,
  logBytes: { ...UP_SETTINGS.logBytes, flag: "log-bytes" },
  duplicateWindow: { ...UP_SETTINGS.duplicateWindow, flag: "duplicate-window" },
  replicas: { ...UP_SETTINGS.replicas, flag: "replicas" },
} as const;

export function command(context: Context): Command {
  const self = new Command("provision")
    .description(
      "Creates the log, the dead-letter stream, the state and the consumers at a broker, or enlarges them.",
    )
    .option(
      "--from <where>",
      "where to resume if it is not known what is settled: first (everything again), new (only new events) or a sequence",
      startFrom,
    );
  return addFlags(self, TABLE).action(async ({ from }: { from?: StartFrom }) => {
    const flags = flagsOf(self, TABLE);
    const { values } = loadSettings(TABLE, { env: context.env, flags, known: ALL_SETTINGS });
    const { changes, limits, stream, damage } = await withBroker(
      { role: "admin", env: context.env, flags },
      (nc) =>
        provision(nc, {
          replicas: values.replicas,
          duplicateWindowMs: values.duplicateWindow,
          ...(values.logBytes === undefined ? {} : { logBytes: values.logBytes }),
          ...(from === undefined ? {} : { from }),
        }),
    );
    for (const found of damage) context.warn(`${found.code}: ${damageText(found)}. ${damageAdvice(found)}`);
    for (const limit of limits) context.warn(`broker_limited: ${limit}`);
    for (const change of changes) context.print(change);
    if (changes.length === 0) context.print("everything is in place");
    const copies = counted(stream.replicas, "copy", "copies");
    context.print(`log: ${showBytes(stream.maxBytes)}, ${copies}, created ${stream.created}`);
  });
}
