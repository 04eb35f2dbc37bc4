import { Command } from "commander";
import { isNotice, type Sessions, type Watched } from "../../client/sessions/index.ts";
import { codedError } from "../../shared/base/errors.ts";
import { ownCommand } from "../../shared/base/own-command.ts";
import type { Context } from "../context.ts";
import { untilInterrupted } from "../interrupt.ts";
import { atServer, refOf, withExample, withUser } from "./at-server.ts";
import { eventLine } from "./event-text.ts";

type Options = { user?: string; after: string; follow: boolean; json?: true };

const CURSOR = /^(?:latest|\d{1,16}(?:\.[a-z0-9]{1,16})?)$/;

export function watchCommand(context: Context): Command {
  const self = new Command("watch")
    .description(
      "Shows what happened in a session, and follows it. At the end it prints the command that comes back to the same place.",
    )
    .argument("<session-id>")
    .option("--after <cursor>", "begin behind this cursor or sequence; `latest` shows only what is new", "0")
    .option("--no-follow", "stop when everything that there is was shown")
    .option("--json", "print one JSON object per line");
  withExample(withUser(self), "watch ses_1 --after latest");
  return atServer(context, self, async (client, id: string, options: Options) => {
    if (!CURSOR.test(options.after))
      throw codedError("usage", "--after takes a cursor as it was printed, a sequence, or latest");
    let cursor = options.after;
    await untilInterrupted(async (signal) => {
      try {
        cursor = await show(context, client, { id, options, signal, seen: (at) => (cursor = at) });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
    context.warn(`to come back: ${ownCommand("sessions", "watch", id, "--after", cursor)}`);
  });
}

async function show(
  context: Context,
  client: Sessions,
  of: { id: string; options: Options; signal: AbortSignal; seen: (cursor: string) => void },
): Promise<string> {
  const { id, options, signal } = of;
  let cursor = options.after;
  for await (const item of client.watch(refOf(id, options), { after: options.after, signal })) {
    cursor = cursorOf(item) ?? cursor;
    of.seen(cursor);
    if (options.json) context.print(JSON.stringify(item));
    else if (item.type !== "caught_up") context.print(eventLine(item, context.screen));
    if (isNotice(item) && item.type === "closed") throw closed(item.data["reason"]);
    if (!options.follow && item.type === "caught_up") break;
  }
  return cursor;
}

/** Where one comes back to behind this. */
function cursorOf(item: Watched): string | undefined {
  if (!isNotice(item)) return item.cursor;
  const { last, log } = item.data;
  return item.type === "caught_up" && typeof last === "number" ? `${last}.${String(log)}` : undefined;
}

function closed(reason: unknown): Error {
  return reason === "deleted"
    ? codedError("session_unknown", "the session was deleted")
    : codedError("inbound_unauthorized", "the key is not valid any more");
}
