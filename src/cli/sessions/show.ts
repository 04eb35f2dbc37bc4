import { Command } from "commander";
import type { Session, Turn } from "../../client/sessions/index.ts";
import type { Context } from "../context.ts";
import { renderFacts } from "../render/facts.ts";
import { renderTable } from "../render/table.ts";
import { atServer, refOf, withExample, withUser } from "./at-server.ts";

type Options = { user?: string; json?: true };

export function showCommand(context: Context): Command {
  const self = new Command("show")
    .description("Shows a session and its turns.")
    .argument("<session-id>")
    .option("--json", "print one JSON document");
  withExample(withUser(self), "show ses_1");
  return atServer(context, self, async (client, id: string, options: Options) => {
    const session = await client.resume(refOf(id, options));
    const turns = await Array.fromAsync(client.turns(session));
    if (options.json) return context.print(JSON.stringify({ ...session, turns }, null, 2));
    context.print(factsOf(session, context));
    context.print(turns.length === 0 ? "\nno turns" : `\n${tableOf(turns, context)}`);
  });
}

function factsOf(session: Session, { screen }: Context): string {
  const facts = [
    { name: "session", text: session.session_id },
    { name: "user", text: session.user_id },
    { name: "created", text: session.created_at },
    { name: "folder", text: session.workspace_dir ?? "-" },
    { name: "agent", text: session.agent ?? "-" },
    { name: "metadata", text: JSON.stringify(session.metadata) },
  ];
  return renderFacts(facts, screen);
}

function tableOf(turns: readonly Turn[], { screen }: Context): string {
  const cells = turns.map((it) => [it.turn_id, it.status, String(it.seq), it.created_at, it.ended_at ?? "-"]);
  return renderTable(["turn", "state", "seq", "asked", "ended"], cells, screen);
}
