import { Command } from "commander";
import { confirm } from "../confirm.ts";
import type { Context } from "../context.ts";
import { atServer, refOf, withExample, withUser } from "./at-server.ts";

type Options = { user?: string; yes?: true };

export function removeCommand(context: Context): Command {
  const self = new Command("rm")
    .description("Deletes a session with all its events, and ends the turn that runs.")
    .argument("<session-id>")
    .option("--yes", "skip the confirmation");
  withExample(withUser(self), "rm ses_1 --yes");
  return atServer(context, self, async (client, id: string, options: Options) => {
    const session = await client.resume(refOf(id, options));
    await confirm(context, `Delete session ${session.session_id} and all its events?`, options.yes);
    context.mustFinish();
    await client.delete(refOf(id, options));
    context.print(`deleted ${session.session_id}`);
  });
}
