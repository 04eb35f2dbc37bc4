import { ownCommand } from "../../shared/base/own-command.ts";
import type { Status } from "../../operate/status.ts";
import type { Rates } from "../../operate/status-rates.ts";
import { damageText } from "../../shared/log/state/damage.ts";
import { departureText } from "../../shared/log/state/departure.ts";
import { counted, showTime } from "../../shared/base/show.ts";
import { standingText } from "../../shared/messages/standing/standing-text.ts";
import { agentSessionsOf } from "./agent-sessions-view.ts";
import { showPause } from "./pause-text.ts";
import { renderTable, showAge, showBytes, type Cell } from "./table.ts";
import { renderFacts, type Fact } from "./facts.ts";
import { inStep, replicasText } from "../../shared/messages/checks/replicas.ts";
import { paint, type Screen, type Style } from "./screen.ts";

export type StatusOptions = {
  /** Milliseconds since 1970. */
  now: number;
  /** How many sessions are shown. The JSON has all. */
  top: number;
};

/** A status for people. Pure. */
export function renderStatus(status: Status, screen: Screen, { now, top }: StatusOptions): string {
  const { backlog, sessions, relays, unowned } = status;
  const parts = [renderFacts(factsOf(status, now), screen)];
  if (relays.length > 0) {
    const taken = new Set(relays.flatMap((relay) => relay.shards.map(({ shard }) => shard)));
    const rows = relays.map((relay) => relayRow(relay, taken, backlog, now));
    const whys = relays.flatMap(({ relay }) => gateFact(relay, status.gates[relay], now));
    parts.push(renderTable(["RELAY", "COORDINATOR", "SHARDS", "IDLE", "UNREAD", "IN HAND"], rows, screen));
    if (whys.length > 0) parts.push(renderFacts(whys, screen));
    if (unowned.length > 0) parts.push(`no relay owns shards ${unowned.join(" ")}; their events wait`);
  }
  if (sessions.list.length > 0) parts.push(sessionsOf(status, screen, { now, top }));
  parts.push(agentSessionsOf(status.agentSessions, screen, now));
  const { leaving } = status;
  if (leaving.length > 0) {
    const rows = leaving.slice(0, top).map((it) => leavingRow(it, now));
    const more =
      leaving.length > rows.length
        ? `\n${counted(leaving.length - rows.length, "more runner")} (--top N)`
        : "";
    parts.push(renderTable(["RUNNER", "SINCE", "WHAT", "WHAT TO DO"], rows, screen) + more);
  }
  return parts.join("\n\n");
}

function factsOf(status: Status, now: number): Fact[] {
  const { log, backlog, dead, durability, oldestWaiting } = status;
  const full = ((100 * log.bytes) / log.maxBytes).toFixed(1);
  const age = oldestWaiting === undefined ? "" : `, oldest ${showAge(now - Date.parse(oldestWaiting))}`;
  const atLeast = backlog.heldSessions > backlog.held.length ? "at least " : "";
  const relays: Fact[] =
    status.relays.length > 0 ? [] : [{ name: "relays", text: "no relay answers", style: "bad" }];
  const paused: Fact[] =
    status.controls.paused === undefined
      ? []
      : [{ name: "PAUSED", text: showPause(status.controls.paused, now), style: "wait" }];
  const damaged: Fact[] =
    status.damage.length === 0
      ? []
      : [{ name: "DAMAGED", text: status.damage.map((it) => `${it.code}: ${damageText(it)}`), style: "bad" }];
  return [
    ...damaged,
    { name: "backlog", text: `${atLeast}${counted(backlog.events, "event")}${age}` },
    ...paused,
    { name: "rates", text: showRates(status.rates) },
    {
      name: "dead letters",
      text: dead.messages === 0 ? "none" : `${dead.messages} (${ownCommand("dead", "ls")})`,
      ...(dead.messages === 0 ? {} : { style: "bad" as const }),
    },
    {
      name: "log",
      text: `${counted(log.messages, "event")}, ${showBytes(log.bytes)} of ${showBytes(log.maxBytes)} (${full} %)${log.messages === 0 ? "" : `, sequences ${log.firstSeq} to ${log.lastSeq}`}`,
    },
    ...serversFact(log),
    {
      name: "durability",
      text: [durability.durability, ...durability.problems],
      style: durability.problems.length === 0 ? "good" : "wait",
    },
    { name: "coordinator", text: status.coordinator ?? "none yet" },
    ...relays,
  ];
}

function serversFact({ servers, replicas }: Status["log"]): Fact[] {
  if (servers === undefined) return [];
  const style = inStep(servers) === replicas ? "good" : servers.leader === undefined ? "bad" : "wait";
  return [{ name: "servers", text: replicasText(servers), style }];
}

function showRates({ seconds, in: came, out, emptyInSeconds }: Rates): string {
  const empty = emptyInSeconds === undefined ? "" : `; empty in about ${showAge(emptyInSeconds * 1000)}`;
  return `${came}/s in, ${out}/s out, over ${seconds} s${empty}`;
}

function whyAtLeast(source: Status["sessions"]["source"]): string {
  return source === "relays"
    ? "relays report at most 1000 sessions, and events that they have not read yet are not counted"
    : "no relay answers, so only the beginning of the backlog was read";
}

/** `taken`: shards that some relay has. The others are idle, and any stand-by relay may get them. */
function relayRow(
  relay: Status["relays"][number],
  taken: ReadonlySet<number>,
  backlog: Status["backlog"],
  now: number,
): Cell[] {
  const { state, reason, since } = relay.coordinator;
  const long = since === undefined ? "" : ` for ${showAge(now - since)}`;
  const own = new Set(relay.shards.map(({ shard }) => shard));
  const shards = backlog.shards.filter(({ shard }) => own.has(shard));
  const sum = (of: "pending" | "inFlight"): string =>
    String(shards.reduce((total, shard) => total + shard[of], 0));
  const style = state === "up" ? "good" : state === "away" ? "bad" : "wait";
  return [
    relay.relay,
    { text: `${state}${long}${reason === undefined ? "" : ` (${reason})`}`, style },
    ranges([...own]),
    ranges((relay.standby ?? []).filter((shard) => !taken.has(shard))),
    sum("pending"),
    sum("inFlight"),
  ];
}

/** Why a relay sends nothing, in the words of what it met, and when it asks the coordinator next. */
function gateFact(relay: string, gate: Status["gates"][string] | undefined, now: number): Fact[] {
  if (gate === undefined || !("since" in gate)) return [];
  const next = gate.nextAt === undefined ? "" : `; next try at ${showTime(gate.nextAt)}`;
  const since = `since ${showTime(gate.since)} (${showAge(now - gate.since)})`;
  return [{ name: relay, text: `sends nothing ${since}: ${gate.text}${next}`, style: "wait" }];
}

/** `0-3 7`. Pure. */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.length === 0 ? "none" : runs.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(" ");
}

function leavingRow(it: Status["leaving"][number], now: number): Cell[] {
  const { text, todo } = departureText(it);
  return [it.runner, `${showAge(now - it.since)} ago`, { text, style: "wait" }, todo];
}

/** Each session once: how much waits, and why it stands still if it does. */
function sessionsOf({ sessions, backlog }: Status, screen: Screen, { now, top }: StatusOptions): string {
  const shown = sessions.list.slice(0, top);
  const all = Math.max(
    sessions.list.length,
    sessions.list.length - countHeld(sessions.list) + backlog.heldSessions,
  );
  const more = all > shown.length ? [`${counted(all - shown.length, "more session")} (--top N)`] : [];
  const atLeast = sessions.complete ? [] : [`at least: ${whyAtLeast(sessions.source)}`];
  const list = renderFacts(
    shown.map((it) => sessionFact(it, now)),
    screen,
  );
  return [paint(screen, "head", "SESSIONS OF THE COORDINATOR"), list, ...more, ...atLeast].join("\n");
}

type Session = Status["sessions"]["list"][number];

function countHeld(list: readonly Session[]): number {
  return list.filter(({ held }) => held !== undefined).length;
}

const STATE_STYLE: Partial<Record<Session["state"], Style>> = {
  parked: "bad",
  paused: "wait",
  retrying: "wait",
};

function sessionFact(it: Session, now: number): Fact {
  const size = it.bytes === undefined ? "" : `, ${showBytes(it.bytes)}`;
  const why = standingText(it, now);
  const style = STATE_STYLE[it.state];
  return {
    name: it.session,
    text: [`${it.state}, ${counted(it.events, "event")} waiting${size}`, ...(why === "" ? [] : [why])],
    ...(style === undefined ? {} : { style }),
  };
}
