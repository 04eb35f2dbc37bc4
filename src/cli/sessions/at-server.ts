import type { Command } from "commander";
import type { SessionRef, Sessions } from "../../client/sessions/index.ts";
import type { Context } from "../context.ts";
import { addFlags, flagsOf } from "../flags.ts";
import { codedFailure } from "./coded.ts";
import { clientOf, serverOf, SESSIONS_CLIENT_TABLE } from "./server.ts";

/** Ends the help of a subcommand. */
export function withExample(command: Command, words: string): Command {
  return command.addHelpText("after", `\nExample:\n  runner-relay sessions ${words}`);
}

/** Adds the option that says whose session is meant. */
export function withUser(command: Command): Command {
  return command.option("--user <id>", "whose session it is, for a key with the scope `admin`");
}

export function refOf(id: string, { user }: { user?: string }): SessionRef {
  return user === undefined ? id : { session_id: id, user_id: user };
}

/** Lets a subcommand run with a client of the server. Rejects with coded errors. */
export function atServer(
  context: Context,
  command: Command,
  run: (client: Sessions, ...args: never[]) => Promise<void>,
): Command {
  return addFlags(command, SESSIONS_CLIENT_TABLE).action(async (...args: unknown[]) => {
    const flags = flagsOf(command, SESSIONS_CLIENT_TABLE);
    await using client = clientOf(serverOf({ env: context.env, flags }));
    try {
      await run(client, ...(args as never[])); // commander has no types for them
    } catch (error) {
      throw codedFailure(error);
    }
  });
}
