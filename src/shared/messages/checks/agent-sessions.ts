import { ownCommand } from "../../base/own-command.ts";
import { counted } from "../../base/show.ts";
import type { SessionsStatus } from "../../session-log/report/sessions-status.ts";
import type { IndexCheck } from "../../session-log/report/index-check.ts";
import { ok, warn, type Line } from "./line.ts";
import { operator } from "../standing/session-standing.ts";
import type { Reading } from "./reading.ts";

/** Most sessions that are named. */
const MOST_NAMED = 3;

/** Judges agent sessions: their turns and workers, and their index. Nothing is said where there is no log of sessions, which has a line of its own. Pure. */
export function judgeAgentSessions(status: Reading<SessionsStatus>, index: Reading<IndexCheck>): Line[] {
  if (status.kind === "read" && status.value.kind !== "there") return [];
  return [...judgeTurns(status), judgeIndex(index)];
}

/** Judges whether there are workers for the turns of agent sessions. */
function judgeTurns(facts: Reading<SessionsStatus>): Line[] {
  if (facts.kind === "failed") return [warn("turns", facts.why, "check broker and permissions")];
  if (facts.value.kind !== "there") return [];
  const { turns, questions, workers, complete, paused } = facts.value;
  const { running, waiting } = turns;
  const atLeast = complete ? "" : "at least ";
  if (workers.length === 0 && running + waiting > 0)
    return [
      warn(
        "workers",
        `none is running, and ${atLeast}${counted(running + waiting, "turn waits", "turns wait")} for one`,
        `start \`${ownCommand("worker")}\` on the machine that has the workspaces, or \`${ownCommand("up")}\`; turns that wait for 24 h fail`,
      ),
    ];
  const said = `${atLeast}${running} running, ${waiting} waiting${questions === 0 ? "" : `, ${counted(questions, "open question")}`}`;
  return [
    ok("workers", workers.length === 0 ? "none is running, and no turn waits" : workers.join(", ")),
    paused === undefined
      ? ok("turns", said)
      : warn(
          "turns",
          `${said}; none begins, ${operator(paused.by)} paused them`,
          `run \`${ownCommand("resume")}\``,
        ),
  ];
}

/** Judges whether lists show all agent sessions. Pure. */
function judgeIndex(facts: Reading<IndexCheck>): Line {
  const check = "index of sessions";
  if (facts.kind === "failed") return warn(check, facts.why, "check broker and permissions");
  const { sessions, lost } = facts.value;
  if (lost.length === 0) return ok(check, `${counted(sessions, "session")}, as the log has them`);
  const named = lost.slice(0, MOST_NAMED).map(({ user, id }) => `${id} of ${user}`);
  const more = lost.length - named.length;
  const which = [...named, ...(more > 0 ? [`${more} more`] : [])].join(", ");
  return warn(
    check,
    `differs from the log for ${counted(lost.length, "session")}: ${which}`,
    `run \`${ownCommand("doctor", "--fix")}\`, which makes it again from the log`,
  );
}
