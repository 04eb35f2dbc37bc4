import { Command } from "commander";
import type { Setting } from "../shared/base/config/setting.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf, flagVariables } from "./flags.ts";

/**
 * A command that runs one of our processes. Its composition root runs in this process and reads the environment, so the flags are put there
 * and removed from the command line.
 */
export function rootCommand(options: {
  name: string;
  description: string;
  table: Record<string, Setting>;
  context: Context;
  /** Adds to the environment what the command line does not say. */
  complete?: (env: Context["env"]) => void;
  run: () => Promise<unknown>;
}): Command {
  const command = new Command(options.name).description(options.description);
  return addFlags(command, options.table).action(async () => {
    Object.assign(options.context.env, flagVariables(options.table, flagsOf(command, options.table)));
    options.complete?.(options.context.env);
    process.argv.splice(2);
    await options.run();
  });
}
