import { showBytes } from "../../shared/base/show.ts";
import type { SessionEvent, UnreadableEvent } from "../../shared/session-log/event/session-event.ts";
import type { AgentPage, OpenQuestion } from "../watch/agent-sessions.ts";
import { activityChip } from "./agents.ts";
import { html, type Html } from "./html.ts";
import { ask, href, table } from "./layout.ts";
import { prettyJson } from "./pretty-json.ts";
import type { Snapshot } from "./snapshot.ts";
import { ago, counted, shorten, showCount, timeOf } from "./words.ts";

/** Events on one page. */
export const AGENT_EVENTS_SIZE = 50;
/** Characters of an event's data, and of a question's, that are shown. */
const SHORT = 300;
const QUESTION: number = 8 * 1024;

/** One agent session: what goes on, what its agent asks, and its events. Pure. */
export function agentPage(
  snapshot: Pick<Snapshot, "now" | "mayAct">,
  page: AgentPage,
  before: number | undefined,
): Html {
  const { session, activity, questions } = page;
  const { running, waiting } = activity;
  const { workspace_dir: folder, agent } = session.record;
  return html`<div class="heading">
      <h1 class="id">${session.id}</h1>
      <div id="agent-action" class="buttons" data-live>
        ${snapshot.mayAct && running !== undefined && actionButton("stop", session.name, { turn: running.turn }, "Stop the turn")}
      </div>
    </div>
    <div id="agent-state" data-live>
      <dl class="facts">
        <dt>State</dt>
        <dd>${activityChip(activity)}</dd>
        <dt>User</dt>
        <dd>${session.user}</dd>
        ${
          running !== undefined &&
          html`<dt>Turn</dt>
            <dd class="id">${running.turn}</dd>`
        }
        <dt>Waiting turns</dt>
        <dd>${showCount(waiting)}</dd>
        ${
          typeof agent === "string" &&
          html`<dt>Agent</dt>
            <dd>${agent}</dd>`
        }
        ${
          typeof folder === "string" &&
          html`<dt>Folder</dt>
            <dd class="id">${folder}</dd>`
        }
        <dt>Made</dt>
        <dd>${timeOf(session.at)}, ${ago(session.at, snapshot.now)}</dd>
      </dl>
    </div>
    <section aria-labelledby="questions-title">
      <h2 id="questions-title">Open questions</h2>
      <div id="questions" data-live>
        ${
          questions.length === 0
            ? html`<p class="empty">None.</p>`
            : questions.map((it) => questionOf(it, session.name, snapshot.mayAct))
        }
      </div>
    </section>
    <section aria-labelledby="agent-events-title">
      <h2 id="agent-events-title">Events</h2>
      <div id="events" data-live>${eventsOf(page, before, snapshot.now)}</div>
    </section>`;
}

function actionButton(
  action: string,
  agent: string,
  of: Record<string, string>,
  name: string,
  about?: string,
): Html {
  return ask(href("/confirm", { action, agent, ...of }), name, "plain", about);
}

function questionOf({ request, data }: OpenQuestion, agent: string, mayAct: boolean): Html {
  const of = { request };
  return html`<div class="question" id="q-${request}">
    <pre class="body" tabindex="0" role="region" aria-label="Question ${request}">
${shortData(data, QUESTION)}</pre>
    ${
      mayAct &&
      html`<p class="buttons">
        ${actionButton("allow", agent, of, "Allow", `question ${request}`)}${actionButton("deny", agent, of, "Deny", `question ${request}`)}
      </p>`
    }
  </div>`;
}

function eventsOf(
  { events, total, older, session }: AgentPage,
  before: number | undefined,
  now: number,
): Html {
  if (events.length === 0) return html`<p class="empty">${total === 0 ? "None." : "None this old."}</p>`;
  const link = (to: number | undefined, name: string, rel: string): Html =>
    html`<a class="button plain" rel="${rel}" href="${href("/agent", { name: session.name, before: to })}"
      >${name}</a
    >`;
  return html`<p class="quiet">${counted(total, "event")} in the log, newest first.</p>
    ${table({
      id: "agent-event-rows",
      caption: "Events of the session",
      head: html`<th scope="col" role="columnheader">Type</th>
        <th scope="col" role="columnheader">From</th>
        <th scope="col" role="columnheader">Turn</th>
        <th scope="col" role="columnheader">Stored</th>
        <th scope="col" role="columnheader">What it says</th>`,
      rows: events.map((event) => eventRow(event, now)),
    })}
    <nav class="pager" aria-label="Older and newer events">
      ${before !== undefined && link(undefined, "Newest", "prev")}${older !== undefined && link(older, "Older", "next")}
    </nav>`;
}

function eventRow(event: SessionEvent | UnreadableEvent, now: number): Html {
  if ("code" in event)
    return html`<tr id="e-${event.seq}" role="row">
      <th scope="row" role="rowheader">${event.type}</th>
      <td role="cell" class="wide"></td>
      <td role="cell" class="wide"></td>
      <td role="cell" class="wide"></td>
      <td role="cell" class="why">${event.code}</td>
    </tr>`;
  const { seq, type, source, turn_id: turn, timestamp, data } = event;
  return html`<tr id="e-${seq}" role="row">
    <th scope="row" role="rowheader">${type}</th>
    <td role="cell" data-label="from">${source}</td>
    <td role="cell" class="id${turn === undefined && " wide"}" data-label="turn">
      ${turn === undefined ? "–" : shorten(turn, 24)}
    </td>
    <td role="cell" class="age" data-label="stored">${ago(Date.parse(timestamp), now)}</td>
    <td role="cell" class="why">${saidIn(type, data)}</td>
  </tr>`;
}

/** The text of an event that is one, otherwise its data. */
function saidIn(type: string, data: Uint8Array): string {
  const text = shortData(data, SHORT);
  if (type !== "text" && type !== "thinking") return text.replaceAll(/\s+/g, " ");
  const found = /^\{\s*"text": ("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return found === undefined ? text.replaceAll(/\s+/g, " ") : (JSON.parse(found) as string);
}

function shortData(data: Uint8Array, most: number): string {
  const text = new TextDecoder().decode(data.subarray(0, 4 * most));
  const pretty = data.length <= 4 * most ? prettyJson(text, most) : text;
  return pretty.length > most || data.length > 4 * most
    ? `${pretty.slice(0, most)}… (${showBytes(data.length)})`
    : pretty;
}
