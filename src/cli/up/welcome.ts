import { ownCommand } from "../../shared/base/own-command.ts";
import { USUAL_PORT } from "../../shared/settings/index.ts";
import type { ReadyInfo } from "./kept.ts";

/** What the addresses alone do not say. */
export type WelcomeFacts = {
  dataDir: string;
  /** The coordinator is our stand-in. */
  standIn: boolean;
  /** Others may read the output, so no token is printed. */
  journal: boolean;
  /** A console is wanted. */
  console: boolean;
  /** A sessions server is wanted. */
  sessions: boolean;
  /** The gateway's port was chosen by a setting. */
  portChosen: boolean;
};

const STAND_IN = "a stand-in, for trying out: --coordinator URL names yours";

/** What `up` prints when all is ready: where everything is, and what to do next. Pure. */
export function welcome(info: ReadyInfo, how: WelcomeFacts): string {
  const { gateway, socket, coordinator, relay, nats } = info;
  return [
    "runner-relay is ready",
    "",
    ...(how.console ? [row("console", consoleOf(info, how.journal))] : []),
    row("gateway", `${gateway}  (executors and runners call it${whyThisPort(gateway, how.portChosen)})`),
    ...(socket === undefined ? [] : [row("socket", socket)]),
    row("coordinator", `${coordinator}${how.standIn ? `  (${STAND_IN})` : ""}`),
    row("relay", `${relay}  (health and metrics)`),
    ...(how.sessions ? [row("sessions", sessionsOf(info))] : []),
    row("log", nats),
    row("data", how.dataDir),
    "",
    "Next:",
    ...(how.standIn ? [row("try it", firstEvent(gateway))] : []),
    ...(info.sessions === undefined
      ? []
      : [row("a session", ownCommand("run", "--session", "ses_demo", "hello"))]),
    row("executor", `${ownCommand("exec", "--", "COMMAND")}, or AGENT_ORCHESTRATOR_API_URL=${gateway}`),
    row("runner", `start yours with --coordinator-url ${gateway}`),
    row("look", ownCommand("status")),
    row("check", ownCommand("doctor")),
    row("stop", "Ctrl-C; pending events are kept and delivered at the next start"),
  ].join("\n");
}

/** Documents and examples name the usual port, so another one needs a reason. */
function whyThisPort(gateway: string, chosen: boolean): string {
  if (chosen || Number(new URL(gateway).port) === USUAL_PORT.gateway) return "";
  return `; ${USUAL_PORT.gateway} was in use at the first start with this data folder`;
}

function firstEvent(gateway: string): string {
  const event = '{"session_id": "ses_1", "event_type": "message", "timestamp": "2026-01-01T12:00:00Z"}';
  return `curl ${gateway}/events -H 'Content-Type: application/json' -d '${event}'`;
}

function sessionsOf({ sessions }: ReadyInfo): string {
  return sessions === undefined
    ? "are not running yet; the log says when they are, or why they cannot be"
    : `${sessions}  (agents that people and programs reach from afar)`;
}

function row(name: string, text: string): string {
  return `  ${name.padEnd("coordinator".length)}  ${text}`;
}

function consoleOf({ page }: ReadyInfo, journal: boolean): string {
  if (page === undefined) return "is not running yet; the log says when it is, or why it cannot be";
  if (!journal) return `${page}  (open it in a browser)`;
  return `${new URL(page).origin}  (a web page; \`${ownCommand("page")}\` prints the address that lets you in)`;
}
