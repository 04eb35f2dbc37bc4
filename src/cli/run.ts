import { Command, CommanderError } from "commander";
import { VERSION } from "../shared/base/version.ts";
import { errorText, isCoded } from "../shared/base/errors.ts";
import { showUrlsIn } from "../shared/base/show-url.ts";
import type { Commands } from "./commands.ts";
import type { Context } from "./context.ts";

const MORE =
  "More of one: runner-relay COMMAND --help, with an example.\n" +
  "Exit codes: 0 done, 1 failed (code: message on stderr), 2 not understood; others in docs/operations.md.";

/** What the scripts of `completion` call: `complete -- WORDS`. */
const SUGGEST = "complete";
/** `help dead redrive` is `dead redrive --help`: only then the command's file is loaded. */
const HELP = "help";

/** Exit code of a command line: 0 done, 1 failed (`code: message` on stderr), 2 not understood, or the one that the command has set. */
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
    return isCoded(error, "usage") ? 2 : Number(process.exitCode) || 1; // `up` has another one
  }
}

/** Loads every command, because any of their options may be asked for. */
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
  tab(program).commands.delete(SUGGEST); // itself
  await program.parseAsync(args, { from: "user" });
}

/** Commander ends the process by itself otherwise. */
function strict(command: Command): void {
  command.exitOverride().showHelpAfterError("(--help shows what is possible)");
  for (const child of command.commands) strict(child);
}
