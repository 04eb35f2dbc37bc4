import { Command, CommanderError } from "commander";
import { VERSION } from "../shared/base/version.ts";
import { errorText, isCoded } from "../shared/base/errors.ts";
import { showUrlsIn } from "../shared/base/show-url.ts";
import type { Commands } from "./commands.ts";
import type { Context } from "./context.ts";

const MORE =
  "For details and an example: runner-relay COMMAND --help\n" +
  "Exit codes: 0 success, 1 failure (`code: message` on stderr), 2 usage error; others in docs/operations/commands.md.";

/** The command that the scripts of `completion` call: `complete -- WORDS`. */
const SUGGEST = "complete";
/** Turns `help dead redrive` into `dead redrive --help`, so that the command's file is loaded. */
const HELP = "help";

/** Runs a command line and returns its exit code: 0 success, 1 failure (`code: message` on stderr), 2 usage error, or the code that the command has set. */
export async function runCommandLine(args: string[], commands: Commands, context: Context): Promise<number> {
  const program = new Command("runner-relay")
    .description("A durable, ordered log between AI-agent executors and their Agent Coordinator")
    .version(VERSION)
    .addHelpText("after", `\n${MORE}`)
    .enablePositionalOptions();
  const [name] = args;
  if (name === HELP) {
    const [about = "--help"] = args.slice(1);
    const known = Object.hasOwn(commands, about);
    return runCommandLine(known ? [...args.slice(1), "--help"] : [about], commands, context);
  }
  if (name === SUGGEST) {
    await suggest(program, args, commands, context);
    return 0;
  }
  const chosen = name === undefined || !Object.hasOwn(commands, name) ? undefined : commands[name];
  if (chosen === undefined) {
    for (const [known, { summary, group }] of Object.entries(commands))
      program.command(known).description(summary).helpGroup(`${group}:`);
    program.helpCommand(false);
  } else {
    const file = await chosen.load();
    program.addCommand(file.command(context).addHelpText("after", `\nExample:\n  ${chosen.example}`));
  }
  strict(program);
  try {
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    context.warn(
      isCoded(error) ? `${error.code}: ${showUrlsIn(error.message)}` : `internal: ${errorText(error)}`,
    );
    return isCoded(error, "usage") ? 2 : Number(process.exitCode) || 1; // `up` sets its own exit code
  }
}

/** Loads every command, because completion may need the options of any. */
async function suggest(
  program: Command,
  args: string[],
  commands: Commands,
  context: Context,
): Promise<void> {
  const { default: tab } = await import("@bomb.sh/tab/commander");
  for (const [name, { load, summary }] of Object.entries(commands)) {
    program.addCommand((await load()).command(context).name(name).description(summary));
  }
  tab(program).commands.delete(SUGGEST); // completion must not suggest itself
  await program.parseAsync(args, { from: "user" });
}

/** Without this, commander would end the process by itself. */
function strict(command: Command): void {
  command.exitOverride().showHelpAfterError("(see --help for usage)");
  for (const child of command.commands) strict(child);
}
