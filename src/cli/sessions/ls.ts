import { Command } from "commander";
import type { Session } from "../../client/sessions/index.ts";
import { wholeNumber } from "../arguments.ts";
import type { Context } from "../context.ts";
import { renderTable } from "../render/table.ts";
import { atServer, withExample } from "./at-server.ts";

/** Rows shown to people by default: more than a screen, less than a flood. */
const ROWS = 50;

type Options = { user?: string; limit?: number; json?: true };

export function listCommand(context: Context): Command {
  const self = new Command("ls")
    .description("Lists sessions, oldest first.")
    .option("--user <id>", "only sessions of this user, for a key with the scope `admin`")
    .option("--limit <n>", `show at most n (default: ${ROWS}; with --json, all)`, wholeNumber("--limit"))
    .option("--json", "print one JSON object per line");
  withExample(self, "ls --limit 10");
  return atServer(context, self, async (client, { user, limit, json }: Options) => {
    const most = limit ?? (json ? Infinity : ROWS);
    const rows: Session[] = [];
    let [shown, more] = [0, false];
    for await (const session of client.list(user === undefined ? {} : { user_id: user })) {
      more = shown === most;
      if (more) break;
      shown++;
      if (json) context.print(JSON.stringify(session));
      else rows.push(session);
    }
    if (json) return;
    context.print(rows.length === 0 ? "no sessions" : tableOf(rows, context));
    if (more) context.print(`there are more than ${most}: --limit shows more`);
  });
}

function tableOf(rows: readonly Session[], { screen }: Context): string {
  const cells = rows.map((it) => [it.session_id, it.user_id, it.created_at, it.workspace_dir ?? "-"]);
  return renderTable(["session", "user", "created", "folder"], cells, screen);
}
