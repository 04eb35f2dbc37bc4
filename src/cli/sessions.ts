import { Command } from "commander";
import type { Context } from "./context.ts";
import { keyCommand } from "./sessions/key.ts";
import { listCommand } from "./sessions/ls.ts";
import { removeCommand } from "./sessions/rm.ts";
import { showCommand } from "./sessions/show.ts";
import { watchCommand } from "./sessions/watch.ts";

// sessions/ has one file per subcommand · sessions/server.ts finds the server, sessions/at-server.ts calls it, sessions/coded.ts translates failures · sessions/event-text.ts
// shows events

export function command(context: Context): Command {
  const sessions = new Command("sessions").description(
    "Sessions of agents: lists, shows, follows and deletes them, at the sessions server that `up` runs or another one.",
  );
  for (const make of [listCommand, showCommand, watchCommand, removeCommand, keyCommand])
    sessions.addCommand(make(context));
  return sessions;
}
