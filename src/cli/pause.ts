import { jetstreamManager } from "@nats-io/jetstream";
import { Command } from "commander";
import { ownCommand } from "../shared/base/own-command.ts";
import { awaitEffect, type Effect } from "../operate/control-wait.ts";
import { systemClock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
import { openControl } from "../shared/log/state/control.ts";
import { readShardCount } from "../shared/log/state/read-shard-count.ts";
import { shardOf } from "../shared/log/schema/partition.ts";
import { isStopped, servedShards, type RelayState } from "../shared/messages/relay-state.ts";
import { confirm } from "./confirm.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { operatorName } from "./operator-name.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { pauseOnlyTurns, pauseTurnsToo, sayTurns, type TurnsToo } from "./pause-turns.ts";

type Options = { session?: string; turns?: true; text?: string; yes?: true; json?: true };

export function command(context: Context): Command {
  const self = new Command("pause")
    .description(
      "Pauses everything, or one session: events are still accepted, but not sent to the coordinator, and workers begin no turn of agent sessions.",
    )
    .option("--session <id>", "only this session of the coordinator")
    .option("--turns", "only the turns of agent sessions: none begins, and what runs goes on")
    .option("--text <why>", "the reason, shown by status and in the console")
    .option("--yes", "skip the confirmation before everything is paused")
    .option("--json", "print JSON");
  return addFlags(self, CLIENT_TABLE).action(async ({ session, turns, text = "", yes, json }: Options) => {
    if (turns && session !== undefined) throw codedError("usage", "--turns and --session cannot be combined");
    if (turns) return await pauseOnlyTurns(context, flagsOf(self, CLIENT_TABLE), { text, json });
    if (session === undefined) await confirm(context, "Pause everything?", yes);
    const flags = flagsOf(self, CLIENT_TABLE);
    await withBroker({ role: "operator", env: context.env, flags }, async (nc) => {
      const control = await openControl(nc, systemClock, operatorName());
      let turnsToo: TurnsToo | undefined;
      let effect: Effect;
      let since: number;
      if (session === undefined) {
        ({ since } = await control.pauseAll(text));
        turnsToo = await pauseTurnsToo(nc, text);
        effect = await awaitEffect(nc, isStopped);
      } else {
        const { record, revision } = await control.pauseSession(session, text);
        since = record.at;
        const shardCount = await readShardCount(await jetstreamManager(nc, { checkAPI: false }));
        effect = await awaitEffect(nc, (state) => follows(state, { session, shardCount }, revision));
      }
      const what = session === undefined ? "everything is" : `session ${session} is`;
      if (json)
        context.print(JSON.stringify({ action: "pause", session, text, since, ...effect, turns: turnsToo }));
      else context.print(sayEffect(`${what} paused`, effect));
      if (turnsToo !== undefined) sayTurns(context, turnsToo, json);
    });
  });
}

/** Has the relay carried out a request of this revision, or does it not serve the session? A stand-by relay counts, because it may take over the session at any moment. */
export function follows(
  state: RelayState,
  { session, shardCount }: { session: string; shardCount: number },
  revision: number,
): boolean {
  return (state.controls ?? 0) >= revision || !servedShards([state]).has(shardOf(session, shardCount));
}

/** One line for people. Pure. */
export function sayEffect(done: string, effect: Effect): string {
  switch (effect.kind) {
    case "in_force":
      return `${done} (${effect.relays.join(", ")})`;
    case "no_relay":
      return `${done}; no relay answers, so this takes effect when one starts`;
    case "waiting":
      return `${done}, but ${effect.relays.join(", ")} did not confirm it yet; see \`${ownCommand("status")}\``;
  }
}
