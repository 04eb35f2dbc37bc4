import { ownCommand } from "../../base/own-command.ts";
import { showAge, showTime } from "../../base/show.ts";
import { DEFAULT_SHARDS, shardNumbers } from "../../log/schema/partition.ts";
import { servedShards, type RelayState } from "../relay-state.ts";
import type { RelayView } from "../standing/relay-view.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import type { Reading } from "./reading.ts";

/** Advice for each reason why a relay does not send (docs/errors.md). */
const ADVICE: Record<string, string | (() => string)> = {
  breaker_open: "check the coordinator; the relay keeps probing it and resumes by itself",
  wrong_address: "check RUNNER_RELAY_COORDINATOR_URL",
  route_unknown: "check the path in RUNNER_RELAY_COORDINATOR_URL",
  redirected: "use the address that it redirects to",
  unauthorized: "check the key, or the client's audience and permissions",
  token_unavailable: "check issuer, client and secret, or the key; see the relay's log",
  mass_refusal: "see the reasons in the relay's log; the coordinator is most likely incompatible",
  poison_stop: () => `fix the cause, then run \`${ownCommand("resume")}\``,
  paused_by_operator: () => `run \`${ownCommand("resume")}\` when you are ready`,
};
const CREDENTIALS: ReadonlySet<string | undefined> = new Set(["unauthorized", "token_unavailable"]);

/** The answer of `/ready` of a relay on this machine. */
export type LocalRelay = Record<string, { ok: boolean; detail: string }>;

/** Part of the answer of `/status`: why nothing is sent, and since when (wall clock, milliseconds). */
export type RelayGate = { since?: number; text?: string };

/** Adds what happened, and for how long, to the readiness of the coordinator, whose code only names the kind of trouble. Pure. */
export function withReason(local: LocalRelay, gate: RelayGate | undefined, now: number): LocalRelay {
  const { coordinator } = local;
  if (coordinator === undefined || gate?.since === undefined) return local;
  const why = gate.text === undefined || gate.text === "" ? "" : `: ${gate.text}`;
  return {
    ...local,
    coordinator: { ...coordinator, detail: `${coordinator.detail} for ${showAge(now - gate.since)}${why}` },
  };
}

export type RelayFacts = {
  /** Shards of the log, as far as it is known. */
  shardCount?: number;
  heard: Reading<readonly RelayState[]>;
  /** What they say of their gates in words. Those that did not answer are missing. */
  views?: readonly Pick<RelayView, "relay" | "gate">[];
  /** Undefined if no relay is known on this machine. */
  local: Reading<LocalRelay> | undefined;
};

/** Judges the relays, and from their reports the credentials and the coordinator. Pure. */
export function judgeRelays({ shardCount = DEFAULT_SHARDS, heard, views = [], local }: RelayFacts): Line[] {
  if (heard.kind === "failed")
    return [fail("relays", heard.why, "check broker and permissions"), ...judgeLocal(local)];
  const states = heard.value;
  if (states.length === 0) {
    const todo = `start one (\`${ownCommand("up")}\` or \`relay\`); until then, events wait`;
    return [fail("relays", "no relay is running", todo), ...judgeLocal(local)];
  }
  const served = servedShards(states);
  const names = states.map(({ relay }) => relay).join(", ");
  const missing = shardNumbers(shardCount).filter((shard) => !served.has(shard));
  const relays =
    missing.length === 0
      ? ok("relays", names)
      : warn(
          "relays",
          `${names}; no relay serves shards ${missing.join(", ")}`,
          "check again; this is normal for a few seconds when relays start or stop",
        );
  return [relays, ...states.flatMap((state) => judgeCoordinator(state, views)), ...judgeLocal(local, states)];
}

function judgeCoordinator(
  { relay, coordinator: { state, reason } }: RelayState,
  views: readonly Pick<RelayView, "relay" | "gate">[],
): Line[] {
  const credentials = `credentials of ${relay}`;
  const coordinator = `coordinator by ${relay}`;
  if (state === "up") return [ok(credentials, "not refused"), ok(coordinator, "answers")];
  const gate = views.find((view) => view.relay === relay)?.gate;
  const text = `${state}: ${reason ?? "no reason given"}${gateDetails(gate)}`;
  const advice = ADVICE[reason ?? ""] ?? "see the relay's log";
  const todo = typeof advice === "string" ? advice : advice();
  if (CREDENTIALS.has(reason)) return [fail(credentials, text, todo)];
  if (reason === "paused_by_operator") return [warn(coordinator, "an operator paused everything", todo)];
  return [fail(coordinator, text, todo)];
}

/** Since when, why in words, and when the coordinator is asked next. */
function gateDetails(gate: RelayView["gate"] | undefined): string {
  if (gate === undefined || !("since" in gate)) return "";
  const why = gate.text === "" ? "" : `: ${gate.text}`;
  const next = gate.nextAt === undefined ? "" : `; next try at ${showTime(gate.nextAt)}`;
  return ` since ${showTime(gate.since)}${why}${next}`;
}

/** Relays' reports on these have a line of their own, with advice. */
const SAID_BY_STATE: ReadonlySet<string> = new Set(["coordinator", "credentials"]);

function judgeLocal(local: RelayFacts["local"], heard: readonly RelayState[] = []): Line[] {
  if (local === undefined) return [];
  const check = "relay on this machine";
  if (local.kind === "failed")
    return [fail(check, local.why, "see its log: it may be starting, gone or stuck")];
  const lacks = Object.entries(local.value).filter(([, it]) => !it.ok);
  if (lacks.length === 0) return [ok(check, "ready")];
  const said = heard.some(({ coordinator }) => coordinator.state !== "up");
  const bad = lacks.filter(([name]) => !said || !SAID_BY_STATE.has(name));
  if (bad.length === 0) return [ok(check, `runs, but sends nothing; ${detailsOf(lacks)}`)];
  return [fail(check, detailsOf(bad), "see its log")];
}

function detailsOf(lacks: readonly [string, { detail: string }][]): string {
  return lacks.map(([name, { detail }]) => `${name}: ${detail}`).join("; ");
}
