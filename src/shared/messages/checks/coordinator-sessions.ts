import { ownCommand } from "../../base/own-command.ts";
import { counted } from "../../base/show.ts";
import type { LogStatus } from "../status/log-status.ts";
import { lanesOf } from "../standing/ask-views.ts";
import type { RelayView } from "../standing/relay-view.ts";
import { allStandings, standsStill, type SessionStanding } from "../standing/session-standing.ts";
import { standingText } from "../standing/standing-text.ts";
import { ok, warn, type Line } from "./line.ts";

/** Most sessions that are named. The others are only counted. */
const MOST_NAMED = 10;

/** Judges the sessions of the coordinator that stand still for a reason of their own. What everything waits for is said of the coordinator, also of a session whose own try showed the outage first. Pure. */
export function judgeCoordinatorSessions(
  views: readonly RelayView[],
  known: Pick<LogStatus, "backlog" | "controls">,
  now: number,
): Line[] {
  const sources = {
    ...lanesOf(views),
    shardCount: known.backlog.shards.length,
    held: known.backlog.held,
    wishes: known.controls.sessions,
  };
  const still = allStandings(sources).filter((row) => standsStill(row) && row.state !== "waiting");
  if (still.length === 0) return [ok("sessions of the coordinator", "none is stuck")];
  const lines = still
    .slice(0, MOST_NAMED)
    .map((row) => warn(`coordinator session ${row.session}`, standingText(row, now), adviceFor(row)));
  const more = still.length - lines.length;
  return more === 0
    ? lines
    : [
        ...lines,
        warn(
          "sessions of the coordinator",
          `${counted(more, "more session")} standing still`,
          `see \`${ownCommand("status")}\``,
        ),
      ];
}

function adviceFor({ session, state }: SessionStanding): string {
  const resume = ownCommand("resume", "--session", session);
  if (state === "parked")
    return `fix the cause, then run \`${resume}\`; with \`--skip-head\` its first event becomes a dead letter`;
  if (state === "paused") return `run \`${resume}\` when you are ready`;
  return `see the coordinator's log; the relay keeps trying, and \`${resume}\` tries at once (\`${ownCommand("deliveries", "--session", session)}\`)`;
}
