import { sessionToken } from "../../shared/log/schema/session-id.ts";
import type { LetterFacts } from "../watch/letter-pages.ts";
import { exact, html, type Html } from "./html.ts";
import { ask, href, table } from "./layout.ts";
import { lettersTable } from "./letters.ts";
import type { SessionStanding } from "../../shared/messages/standing/session-standing.ts";
import type { Snapshot } from "./snapshot.ts";
import { showAge } from "../../shared/base/show.ts";
import { ago, counted, shorten, showCount, timeOf } from "./words.ts";

/** Sessions with their lanes, the most urgent ones first. */
export function sessionsTable(
  rows: readonly SessionStanding[],
  snapshot: Pick<Snapshot, "now" | "mayAct">,
): Html {
  return table({
    id: "session-rows",
    caption: "Sessions",
    head: html`<th scope="col" role="columnheader">Session</th>
      <th scope="col" role="columnheader">Lane</th>
      <th scope="col" role="columnheader" class="n">Events</th>
      <th scope="col" role="columnheader" class="n wide">Attempts</th>
      <th scope="col" role="columnheader">Why</th>
      ${snapshot.mayAct && html`<th scope="col" role="columnheader"><span class="hide">Action</span></th>`}`,
    rows: rows.map(
      (row) =>
        html`<tr id="s-${sessionToken(row.session)}" role="row">
          <th scope="row" role="rowheader" class="id">
            <a href="${href("/session", { id: row.session })}">${row.session}</a>
          </th>
          <td role="cell">${stateChip(row)}</td>
          <td role="cell" class="n" data-label="events">${showCount(row.events)}</td>
          <td role="cell" class="n wide">${row.attempts > 0 ? showCount(row.attempts) : "–"}</td>
          <td role="cell" class="why${row.reason === "" && " none"}">
            ${shorten(row.reason, 120)}${row.since !== undefined && html` <span class="quiet">${ago(row.since, snapshot.now)}</span>`}
          </td>
          ${snapshot.mayAct && html`<td role="cell" class="act">${sessionAction(row)}</td>`}
        </tr>`,
    ),
  });
}

function stateChip(row: Pick<SessionStanding, "state">): Html {
  return html`<span class="chip ${row.state.replace(" ", "-")}">${row.state}</span>`;
}

function sessionAction(row: Pick<SessionStanding, "state" | "session">): Html {
  const stopped = row.state === "paused" || row.state === "parked";
  const to = href("/confirm", { action: stopped ? "resume" : "pause", session: row.session });
  return ask(to, stopped ? "Resume" : "Pause", "plain", `session ${row.session}`);
}

/** The list with its search. */
export function sessionsPage(
  snapshot: Snapshot,
  found: { rows: readonly SessionStanding[]; total: number; search: string },
): Html {
  const { rows, total, search } = found;
  return html`<h1>Sessions</h1>
    <form class="search" action="/sessions" method="get" role="search">
      <label for="q">Session id contains</label
      ><input
        id="q"
        name="q"
        type="search"
        value="${exact(search)}"
        maxlength="200"
        autocomplete="off"
        spellcheck="false"
      /><button class="button">Search</button
      >${search !== "" && html`<a href="/sessions">Show all that wait</a>`}
    </form>
    <div id="sessions" data-live>
      <p class="quiet">
        ${
          search === ""
            ? `${counted(total, "session")} with pending events.`
            : html`${counted(total, "session")} with “${search}” in the id, of those that relays remember.`
        }${rows.length < total && ` The ${rows.length} most urgent are shown; search for the others.`}
      </p>
      ${rows.length === 0 ? html`<p class="empty">${search === "" ? "No session waits." : "No session found. Enter its full id to pause it or to see its dead letters."}</p>` : sessionsTable(rows, snapshot)}
    </div>
    ${search !== "" && html`<p><a href="${href("/session", { id: search })}">Open the session with exactly this id</a></p>`}`;
}

/** Why it stands still: since when, how often it was tried, the last answer, the next try, and who holds it. */
function standingFacts(row: SessionStanding, now: number): Html {
  const { state, since, attempts, reason, nextAt, by } = row;
  const isStopped = state === "paused" || state === "parked";
  const what =
    state === "paused" ? "Paused" : state === "parked" ? "Parked" : attempts > 0 ? "Failing" : "Waits";
  return html`${
    since !== undefined &&
    html`<dt>${what} since</dt>
      <dd>${timeOf(since)}, ${ago(since, now)}</dd>`
  }
  ${
    by !== undefined &&
    html`<dt>${what} by</dt>
      <dd>${by}</dd>`
  }
  ${
    attempts > 0 &&
    html`<dt>Failed attempts</dt>
      <dd>${showCount(attempts)}</dd>`
  }
  ${
    reason !== "" &&
    html`<dt>${attempts > 0 && !isStopped ? "Last answer" : "Why"}</dt>
      <dd class="reason">${reason}</dd>`
  }
  ${
    nextAt !== undefined &&
    html`<dt>Next try</dt>
      <dd>${timeOf(nextAt)}, ${nextAt > now ? `in ${showAge(nextAt - now)}` : "now"}</dd>`
  }`;
}

/** One session: its lane, why it stands, its dead letters. `row` is undefined if nothing is known of it here. */
export function sessionPage(
  snapshot: Snapshot,
  session: string,
  row: SessionStanding | undefined,
  letters: readonly LetterFacts[] | undefined,
): Html {
  const shown = row ?? {
    session,
    state: "idle" as const,
    shard: undefined,
    events: 0,
    attempts: 0,
    reason: "",
  };
  return html` <div class="heading">
      <h1 class="id">${session}</h1>
      <div id="action" data-live>${snapshot.mayAct && sessionAction(shown)}</div>
    </div>
    <div id="lane" data-live>
      <dl class="facts">
        <dt>Lane</dt>
        <dd>
          ${stateChip(shown)}${row === undefined && html` <span class="quiet">no relay knows anything of it</span>`}
        </dd>
        <dt>Events waiting</dt>
        <dd>${showCount(shown.events)}</dd>
        ${row && standingFacts(row, snapshot.now)}
        ${
          row !== undefined &&
          html`<dt>Shard</dt>
            <dd>${row.shard}</dd>`
        }
      </dl>
    </div>
    <section aria-labelledby="dead-title">
      <div class="heading">
        <h2 id="dead-title">Its dead letters</h2>
        <a href="${href("/dead", { session })}">All of them</a>
      </div>
      <div id="letters" data-live>
        ${
          letters === undefined
            ? html`<p class="empty bad">Dead letters cannot be read now: the broker does not answer.</p>`
            : letters.length === 0
              ? html`<p class="empty">None.</p>`
              : lettersTable(letters, snapshot)
        }
      </div>
    </section>`;
}
