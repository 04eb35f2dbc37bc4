import { Command, CommanderError } from "commander";
import { VERSION } from "../shared/version.ts";
import { errorText, isCoded } from "../shared/errors.ts";
import type { CommandFile, Context } from "./context.ts";

type Commands = Record<string, { summary: string; load: () => Promise<CommandFile> }>;

/** Exit code of a command line: 0 done, 1 failed (`code: message` on stderr), 2 not understood. */
export async function runCommandLine(args: string[], commands: Commands, context: Context): Promise<number> {
  const program = new Command("runner-relay")
    .description("A durable, ordered log between AI-agent executors and their Agent Coordinator")
    .version(VERSION)
    .enablePositionalOptions();
  const name = args[0];
  const chosen = name === undefined || !Object.hasOwn(commands, name) ? undefined : commands[name];
  if (chosen === undefined) {
    for (const [known, { summary }] of Object.entries(commands)) program.command(known).description(summary);
  } else {
    const file = await chosen.load();
    program.addCommand(file.command(context));
  }
  strict(program);
  try {
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    context.warn(isCoded(error) ? `${error.code}: ${error.message}` : `internal: ${errorText(error)}`);
    return isCoded(error, "usage") ? 2 : 1;
  }
}

/** Commander ends the process by itself otherwise. */
function strict(command: Command): void {
  command.exitOverride().showHelpAfterError("(--help shows what is possible)");
  for (const child of command.commands) strict(child);
}
