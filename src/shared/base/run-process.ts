import { existsSync } from "node:fs";
import { systemClock, type Clock } from "./clock.ts";
import { knownSecrets, redacted, type Environment, type SecretFiles } from "./config/load.ts";
import type { Setting, SettingValue } from "./config/setting.ts";
import { dataFolder, isRemnant, refuseRemnant } from "./data-folder.ts";
import { codedError, type ErrorCode } from "./errors.ts";
import { createFatalExit } from "./fatal-exit.ts";
import { createLogger, SecretRegistry, type Logger } from "./logger.ts";
import { speakForOthers } from "./output/others-words.ts";
import { standardLines } from "./output/standard.ts";
import { learnProgram, learnReach, reachOf } from "./own-command.ts";
import { makeOwnFolder } from "./own-folder.ts";
import { exitWithParent, UNDER_UP } from "./parent.ts";
import { closeOnStopSignal } from "./stop-signals.ts";

/** The settings that each process has, whatever else is in its table. */
type Common = { logLevel: string; data: string | undefined };

type Read<V> = { values: V; secretFiles: SecretFiles };

/** What a `main.ts` says of its process. */
export type ProcessPlan<V extends Common> = {
  /** What the process is called in its log. */
  name: string;
  env: Environment;
  args: readonly string[];
  table: Record<string, Setting>;
  /** Reads the table. Throws `config_invalid`. */
  load: (env: Environment) => Read<V>;
  /** The errors that a restart does not mend: the process ends with 78. */
  needSomebody: readonly ErrorCode[];
  /** The exit code of every other error. */
  otherwise: number;
  /** A stop that takes longer than this is ended by force, milliseconds. */
  lastResortMs: number;
  /** Gives an error of the start its code, where a library's error is what was thrown. */
  explain?: (error: unknown) => unknown;
  start: (begun: Begun<V>) => Promise<Running>;
};

/** What a process has before its own parts start. */
export type Begun<V> = Read<V> & {
  env: Environment;
  args: readonly string[];
  clock: Clock;
  log: Logger;
  secrets: SecretRegistry;
  dataDir: string;
  /** How many log lines were dropped, because stderr was not read. */
  linesDropped: () => number;
  /** Ends the process with the error. */
  fatal: (error: unknown) => void;
  /** Says that the process starts, with its settings. Secrets are left out, here and in everything that is logged later. */
  announce: (values: V, env: Environment, about?: Record<string, unknown>) => void;
};

/** A process whose parts run. */
export type Running = {
  /** Where it listens; none listens nowhere. */
  url?: string;
  /** The log line that says so. */
  about: Record<string, unknown>;
  words: string;
  close: () => Promise<void>;
};

/**
 * The life of each of our processes, from the first line of its `main.ts` to its exit: it ends with its parent, reads its settings, starts, says
 * `{"ready":true,"url":…}` on stdout, and closes at a signal. What fails ends it with one line on stderr and its exit code.
 */
export async function runProcess<V extends Common>(plan: ProcessPlan<V>): Promise<void> {
  const { name, explain = (error) => error } = plan;
  exitWithParent();
  const secrets = new SecretRegistry();
  const stdout = standardLines(1, name);
  const stderr = standardLines(2, name);
  const { needSomebody, otherwise } = plan;
  const fatal = createFatalExit({ name, stderr, secrets, needSomebody, otherwise });
  try {
    const begun = begin(plan, { secrets, stderr, fatal });
    const { url, about, words, close } = await plan.start(begun);
    closeOnStopSignal({ name, logger: begun.log, close, lastResortMs: plan.lastResortMs, fail: fatal });
    stdout.write(`${JSON.stringify({ ready: true, url })}\n`); // from here on it may be stopped at any moment
    begun.log.info(about, words);
  } catch (error) {
    fatal(explain(error));
  }
}

type Means = {
  secrets: SecretRegistry;
  stderr: ReturnType<typeof standardLines>;
  fatal: (error: unknown) => void;
};

function begin<V extends Common>(plan: ProcessPlan<V>, { secrets, stderr, fatal }: Means): Begun<V> {
  const { name, env, args, table } = plan;
  const underUp = args.includes(UNDER_UP);
  if (underUp) findFolder(env);
  const loaded = plan.load(env);
  const keepSecret = (values: V, from: Environment): void => {
    for (const secret of knownSecrets(table, settingsOf(values), from)) secrets.add(secret);
  };
  keepSecret(loaded.values, env);
  const log = createLogger({ name, level: loaded.values.logLevel, lines: stderr, secrets });
  speakForOthers(log, fatal);
  learnProgram(env);
  const dataDir = dataFolder(loaded.values.data, env);
  learnReach(reachOf(dataDir, env));
  if (!underUp) {
    refuseRemnant(dataDir);
    tryToMake(dataDir);
  }
  return {
    ...loaded,
    env,
    args,
    clock: systemClock,
    log,
    secrets,
    dataDir,
    linesDropped: stderr.dropped,
    fatal,
    announce(values, from, about = {}) {
      keepSecret(values, from);
      log.info({ ...about, settings: redacted(table, settingsOf(values)) }, `${name} starting`);
    },
  };
}

/**
 * `up` made the data folder: one that is gone was removed or moved away, and one in its place would hide that. An agent may have made some of it anew. It is
 * looked for before the settings are read, because secrets may be in files there. Throws `store_lost`.
 */
function findFolder(env: Environment): void {
  const dataDir = env["RUNNER_RELAY_DATA"];
  if (dataDir === undefined || (existsSync(dataDir) && !isRemnant(dataDir))) return;
  throw codedError("store_lost", `${dataDir} is gone: it was removed or moved away while \`up\` ran`);
}

/** A process that needs the folder finds out when it writes there; a gateway and a relay live without it. */
function tryToMake(dataDir: string): void {
  try {
    makeOwnFolder(dataDir);
  } catch {
    return;
  }
}

/** The values as the functions for settings take them. */
function settingsOf(values: Common): Record<string, SettingValue | undefined> {
  return values;
}
