import { Command } from "commander";
import { readStatus, type Status } from "../admin/status.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { renderTable, showAge, showBytes } from "./table.ts";

export function command(context: Context): Command {
  const self = new Command("status")
    .description("Shows what waits, how relays and coordinator are, and how full the log is.")
    .option("--json", "for programs");
  return addFlags(self, CLIENT_TABLE).action(async ({ json }: { json?: true }) => {
    const status = await withBroker(
      { role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) },
      readStatus,
    );
    context.print(json ? JSON.stringify(status, null, 2) : renderStatus(status, Date.now()));
  });
}

/** For people. `now` in milliseconds since 1970. Pure. */
export function renderStatus(status: Status, now: number): string {
  const { log, backlog, dead } = status;
  const full = ((100 * log.bytes) / log.maxBytes).toFixed(1);
  const age =
    status.oldestWaiting === undefined ? "" : `, oldest ${showAge(now - Date.parse(status.oldestWaiting))}`;
  const lines = [
    `backlog      ${backlog.events} events${age}`,
    `log          ${log.messages} events, ${showBytes(log.bytes)} of ${showBytes(log.maxBytes)} (${full} %), sequences ${log.firstSeq} to ${log.lastSeq}`,
    `durability   ${[status.durability.durability, ...status.durability.problems].join("\n             - ")}`,
    `dead letters ${dead.messages}`,
    `coordinator  ${status.coordinator ?? "none yet"}${showPause(status, now)}`,
    "",
    status.relays.length === 0
      ? "no relay answers"
      : renderTable(["RELAY", "COORDINATOR", "SHARDS", "WAITING SESSIONS"], status.relays.map(relayRow)),
  ];
  const known = new Set(backlog.held.map(({ session }) => session));
  const idle = status.controls.sessions
    .filter(({ action, session }) => action === "pause" && !known.has(session))
    .map(({ session, text, at }) => ({ session, reason: "paused", text, since: at, events: 0 }));
  const held = [...backlog.held, ...idle];
  if (held.length > 0) {
    const rows = held.map((it) => [
      it.session,
      it.reason,
      String(it.events),
      `${showAge(now - it.since)} ago`,
      it.text,
    ]);
    lines.push("", renderTable(["HELD SESSION", "WHY", "EVENTS", "SINCE", "TEXT"], rows));
  }
  return lines.join("\n");
}

function showPause({ controls: { paused } }: Status, now: number): string {
  if (paused === undefined) return "";
  const text = paused.text === "" ? "" : `: ${paused.text}`;
  return `  PAUSED ${paused.reason === "poison_stop" ? "by a poison event" : "by an operator"} ${showAge(now - paused.since)} ago${text}`;
}

function relayRow(relay: Status["relays"][number]): string[] {
  const { state, reason } = relay.coordinator;
  return [
    relay.relay,
    reason === undefined ? state : `${state} (${reason})`,
    relay.shards.map(({ shard, behind }) => `${shard}${behind ? "*" : ""}`).join(" "),
    `${relay.backlog.length}${relay.overflow ? "+" : ""}`,
  ];
}
