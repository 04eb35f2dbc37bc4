import type { TurnsPause } from "../../shared/session-log/state/pause.ts";
import { operator } from "../../shared/messages/standing/session-standing.ts";
import type { Activity } from "../../shared/session-log/report/activity.ts";
import type { AgentList, AgentRow } from "../watch/agent-sessions.ts";
import { html, type Html } from "./html.ts";
import { href, table } from "./layout.ts";
import type { Snapshot } from "./snapshot.ts";
import { ago, counted, shorten, showCount, timeOf } from "./words.ts";

/** All agent sessions: those that somebody should look at, those with turns, and the newest ones. Pure. */
export function agentsPage(snapshot: Pick<Snapshot, "now">, list: AgentList): Html {
  return html`<h1>Agent sessions</h1>
    <div id="agents" data-live>
      ${
        list === "absent"
          ? html`<p class="empty">This broker has no log of agent sessions.</p>`
          : listed(snapshot, list)
      }
    </div>`;
}

function listed({ now }: Pick<Snapshot, "now">, list: Exclude<AgentList, "absent">): Html {
  const { rows, workers, paused, more } = list;
  const open = rows.some(({ activity }) => activity.running !== undefined || activity.waiting > 0);
  return html`${paused !== undefined && pausedText(paused, now)}
    ${workers.length === 0 && open && html`<p class="empty bad">No worker is running, and turns wait for one.</p>`}
    <p class="quiet">
      ${workers.length === 0 ? "No worker is running" : html`${counted(workers.length, "worker")}: ${shorten(workers.join(", "), 200)}`}.
      ${more && "More sessions have turns than are shown."}
    </p>
    ${
      rows.length === 0
        ? html`<p class="empty">There is no session yet.</p>`
        : table({
            id: "agent-rows",
            caption: "Agent sessions",
            head: html`<th scope="col" role="columnheader">Session</th>
              <th scope="col" role="columnheader">User</th>
              <th scope="col" role="columnheader">State</th>
              <th scope="col" role="columnheader" class="n">Waiting turns</th>
              <th scope="col" role="columnheader" class="n">Open questions</th>
              <th scope="col" role="columnheader">Made</th>`,
            rows: rows.map((row) => agentRow(row, now)),
          })
    }`;
}

function pausedText({ since, text, by }: TurnsPause, now: number): Html {
  return html`<p class="empty">
    No turn begins: ${operator(by)} paused them ${timeOf(since)},
    ${ago(since, now)}${text !== "" && html`: ${text}`}.
  </p>`;
}

function agentRow({ session, activity }: AgentRow, now: number): Html {
  const questions = activity.running?.questions.length ?? 0;
  return html`<tr id="a-${session.name}" role="row">
    <th scope="row" role="rowheader" class="id">
      <a href="${href("/agent", { name: session.name })}">${shorten(session.id, 60)}</a>
    </th>
    <td role="cell" data-label="of">${shorten(session.user, 60)}</td>
    <td role="cell">${activityChip(activity)}</td>
    <td role="cell" class="n${activity.waiting === 0 && " wide"}" data-label="waiting">
      ${showCount(activity.waiting)}
    </td>
    <td role="cell" class="n${questions === 0 && " wide"}" data-label="questions">${showCount(questions)}</td>
    <td role="cell" class="age" data-label="made">${ago(session.at, now)}</td>
  </tr>`;
}

/** What goes on in a session, in a word. */
export function activityChip({ running, waiting }: Activity): Html {
  const [kind, word] =
    running === undefined
      ? waiting > 0
        ? ["pending", "waits"]
        : ["idle", "idle"]
      : running.questions.length > 0
        ? ["paused", "asks"]
        : ["sending", "runs"];
  return html`<span class="chip ${kind}">${word}</span>`;
}
