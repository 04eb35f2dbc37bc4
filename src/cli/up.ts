import { Command } from "commander";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { runUp } from "./up/run.ts";
import { UP_TABLE } from "./up/table.ts";

export function command(context: Context): Command {
  const up = new Command("up").description(
    "Runs a nats-server, a gateway and a relay on this machine, and a stand-in coordinator if no --coordinator is given.",
  );
  return addFlags(up, UP_TABLE).action(async () => {
    await runUp({ flags: flagsOf(up, UP_TABLE), context });
  });
}
