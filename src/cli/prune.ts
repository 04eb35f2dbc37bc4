import { Command } from "commander";
import { runPrune } from "../shared/log/prune.ts";
import { SESSION_PRUNE_INBOX } from "../shared/log/schema/subjects.ts";
import { createAliveFile } from "../shared/base/alive-file.ts";
import { systemClock } from "../shared/base/clock.ts";
import { createLogger } from "../shared/base/logger.ts";
import { counted } from "../shared/base/show.ts";
import { keepSessions } from "../shared/session-log/retention/chore.ts";
import { ALL_SETTINGS, SESSION_LIMITS, UP_SETTINGS, WORKER_SETTINGS } from "../shared/settings/index.ts";
import { loadSettings, type Values } from "../shared/base/config/load.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf, type Flags } from "./flags.ts";
import { untilInterrupted } from "./interrupt.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";

const TABLE = {
  ...CLIENT_TABLE,
  retention: { ...UP_SETTINGS.retention, flag: "retention" },
  ...SESSION_LIMITS,
  aliveFile: WORKER_SETTINGS.aliveFile,
} as const;

export function command(context: Context): Command {
  const self = new Command("prune")
    .description(
      "Deletes events that are settled and older than the retention. Unsettled and held events are never deleted.",
    )
    .option("--dry-run", "show what would be removed, without removing it")
    .option(
      "--sessions",
      "instead keep the log of sessions within its limits and remove what was deleted, until this is stopped",
    );
  return addFlags(self, TABLE).action(async (options: { dryRun?: true; sessions?: true }) => {
    const flags = flagsOf(self, TABLE);
    const { values } = loadSettings(TABLE, { env: context.env, flags, known: ALL_SETTINGS });
    if (options.sessions) return await keepLogOfSessions(context, { values, flags });
    const dryRun = options.dryRun === true;
    const { removed, below } = await withBroker({ role: "prune", env: context.env, flags }, (nc) =>
      runPrune(nc, { retentionMs: values.retention, clock: systemClock, dryRun }),
    );
    const what = dryRun ? "would be removed" : "removed";
    context.print(
      removed === 0 ? "nothing to prune" : `${counted(removed, "event")} below sequence ${below} ${what}`,
    );
  });
}

/** As `up` does it: what was read once is remembered, so that this runs on. */
async function keepLogOfSessions(
  { env }: Context,
  { values, flags }: { values: Values<typeof TABLE>; flags: Flags },
): Promise<void> {
  const limits = { maxAge: values.sessionsRetention, maxBytes: values.sessionsRetentionBytes };
  const log = createLogger({ name: "prune", level: values.logLevel, lines: process.stderr });
  using alive = createAliveFile(values.aliveFile, systemClock);
  await untilInterrupted((signal) =>
    withBroker({ role: "session-prune", env, flags }, async (nc) => {
      log.info({ limits }, "keeping the log of sessions");
      alive.start();
      await keepSessions({
        nc,
        inboxPrefix: SESSION_PRUNE_INBOX,
        limits,
        clock: systemClock,
        log,
        signal,
      }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }),
  );
}
