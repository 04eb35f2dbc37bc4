import { counted, showBytes } from "../../shared/base/show.ts";
import type { SessionsStatus } from "../../shared/session-log/report/sessions-status.ts";
import { showPause } from "./pause-text.ts";
import { renderFacts, type Fact } from "./facts.ts";
import { paint, type Screen } from "./screen.ts";

/** The part of a status about the sessions that workers run. Pure. */
export function agentSessionsOf(status: SessionsStatus, screen: Screen, now: number): string {
  return [paint(screen, "head", "AGENT SESSIONS"), renderFacts(factsOf(status, now), screen)].join("\n");
}

function factsOf(status: SessionsStatus, now: number): Fact[] {
  if (status.kind === "absent") return [{ name: "log", text: "none on this broker" }];
  if (status.kind === "denied")
    return [{ name: "log", text: "this login may not read it (deploy/nats/users.conf)", style: "wait" }];
  const { log, workers, paused } = status;
  const full = ((100 * log.bytes) / log.maxBytes).toFixed(1);
  const sequences = log.messages === 0 ? "" : `, sequences ${log.firstSeq} to ${log.lastSeq}`;
  return [
    {
      name: "log",
      text: `${counted(log.messages, "event")}, ${showBytes(log.bytes)} of ${showBytes(log.maxBytes)} (${full} %)${sequences}`,
    },
    ...(paused === undefined
      ? []
      : [{ name: "PAUSED", text: `no turn begins; ${showPause(paused, now)}`, style: "wait" as const }]),
    turnsOf(status),
    { name: "workers", text: workers.length === 0 ? "none" : workers.join(", ") },
  ];
}

function turnsOf({ turns, questions, workers, complete }: Extract<SessionsStatus, { kind: "there" }>): Fact {
  const { running, waiting } = turns;
  const open = questions === 0 ? "" : `, ${counted(questions, "open question")}`;
  const text = `${complete ? "" : "at least "}${running} running, ${waiting} waiting${open}`;
  const stuck = workers.length === 0 && running + waiting > 0;
  return { name: "turns", text, ...(stuck ? { style: "bad" as const } : {}) };
}
