import { Command } from "commander";
import { isCoded, type ErrorCode } from "../shared/base/errors.ts";
import { EXIT_CONFIG } from "../shared/base/fatal-exit.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { ChildError } from "./up/last-words.ts";
import type { StartFrom } from "../shared/log/provision/checkpoints.ts";
import { startFrom } from "./start-from.ts";
import { runUp } from "./up/run.ts";
import { UP_TABLE } from "./up/table.ts";

/** Exit codes for failures that a restart cannot fix, as in gateway and relay. A child with such a failure ends with 78 itself. */
const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "port_taken",
  "listen_refused",
  "broker_refused",
  "checkpoint_missing",
  "checkpoint_mismatch",
  "coordinator_changed",
  "schema_newer",
  "store_damaged",
  "stream_differs",
  "log_gone",
  "consumer_damaged",
  "broker_limited",
];

export function command(context: Context): Command {
  const up = new Command("up")
    .description(
      "Runs a nats-server, a gateway, a relay and the console on this machine, and a stand-in coordinator if --coordinator is not given.",
    )
    .option(
      "--from <where>",
      "where to resume if it is not known what is settled, or the log is gone: first (everything again), new (only new events) or a sequence",
      startFrom,
    );
  return addFlags(up, UP_TABLE).action(async ({ from }: { from?: StartFrom }) => {
    try {
      await runUp({ flags: flagsOf(up, UP_TABLE), context, ...(from === undefined ? {} : { from }) });
    } catch (error) {
      if (needsSomebody(error)) process.exitCode = EXIT_CONFIG;
      throw error;
    }
  });
}

function needsSomebody(error: unknown): boolean {
  if (error instanceof ChildError) return error.exit === EXIT_CONFIG;
  return isCoded(error) && NEEDS_SOMEBODY.includes(error.code);
}
