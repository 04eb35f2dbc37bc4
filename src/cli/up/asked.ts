import { learnReach, reachOf } from "../../shared/base/own-command.ts";
import { systemClock, type Clock } from "../../shared/base/clock.ts";
import { knownSecrets, loadSettings } from "../../shared/base/config/load.ts";
import { createLogger, fatalLine, SecretRegistry, type Logger } from "../../shared/base/logger.ts";
import type { Lines } from "../../shared/base/output/lines.ts";
import { speakForOthers } from "../../shared/base/output/others-words.ts";
import { ALL_SETTINGS, COMMON_SETTINGS } from "../../shared/settings/index.ts";
import type { Context } from "../context.ts";
import type { Flags } from "../flags.ts";
import { dataFolder } from "../folders.ts";
import type { Asked } from "./plans.ts";
import { readableLines } from "./readable-lines.ts";
import { UP_TABLE, type UpValues } from "./table.ts";

/** What every step of `up` uses. */
export type Base = Asked & {
  clock: Clock;
  log: Logger;
  /** Where `up` and its children log. */
  lines: Lines;
  secrets: SecretRegistry;
};

/** Reads the settings and turns this process into a service. Throws `config_invalid`. */
export function readAsked({ flags, context }: { flags: Flags; context: Context }): Base {
  const { env } = context;
  const { values } = loadSettings(UP_TABLE, { env, flags, known: ALL_SETTINGS });
  const secrets = new SecretRegistry();
  for (const secret of knownSecrets(UP_TABLE, values, env)) secrets.add(secret);
  const lines = logLines(context, values, flags);
  const log = createLogger({ name: "up", level: values.logLevel, lines, secrets });
  speakForOthers(log, (error) => {
    lines.write(fatalLine("up", error, secrets));
    process.exit(1);
  });
  const dataDir = dataFolder(values.data, env);
  learnReach(reachOf(dataDir, env));
  return { values, flags, context, dataDir, clock: systemClock, log, lines, secrets };
}

/** The log, in the form for who reads it: a person at a terminal, or a program. */
function logLines(context: Context, { logFormat }: UpValues, flags: Flags): Lines {
  const lines = context.serve("up");
  const { terminal, screen } = context.errors;
  if (logFormat === "json" || (logFormat === "auto" && !terminal)) return lines;
  const { flag, env } = COMMON_SETTINGS.logLevel;
  return readableLines(lines, { screen, chosenLevel: (flags[flag] ?? context.env[env]) !== undefined });
}
