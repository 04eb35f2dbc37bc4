import { showAge } from "../../shared/base/show.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import type { Sort } from "../../shared/messages/standing/session-order.ts";
import { placeOf, type SessionStanding } from "../../shared/messages/standing/session-standing.ts";
import { exact, html, type Html } from "./html.ts";
import { ask, href, table } from "./layout.ts";
import type { Snapshot } from "./snapshot.ts";
import { ago, counted, shorten, showCount } from "./words.ts";

/** What the list of sessions is about, and how it is sorted. */
export type SessionList = { search: string; sort: Sort };

/** Sessions with their lanes. With `list`, the heads of the columns sort it. */
export function sessionsTable(
  rows: readonly SessionStanding[],
  snapshot: Pick<Snapshot, "now" | "mayAct">,
  list?: SessionList,
): Html {
  const head = (name: string, sort: Sort, kind: string): Html => {
    const isSorted = list?.sort === sort;
    return html`<th
      scope="col"
      role="columnheader"
      class="${kind}"
      ${isSorted && html`aria-sort="${sort === "session" ? "ascending" : "descending"}"`}
    >
      ${list === undefined ? name : html`<a href="${listHref({ ...list, sort })}">${name}</a>${isSorted && html`<span aria-hidden="true"> ${sort === "session" ? "▲" : "▼"}</span>`}`}
    </th>`;
  };
  return table({
    id: "session-rows",
    caption: "Sessions",
    head: html`${head("Session", "session", "")} ${head("Lane", "urgency", "")}
      ${head("Events", "events", "n")} ${head("Attempts", "attempts", "n")}
      <th scope="col" role="columnheader">Why</th>
      ${snapshot.mayAct && html`<th scope="col" role="columnheader"><span class="hide">Action</span></th>`}`,
    rows: rows.map((row) => sessionRow(row, snapshot)),
  });
}

function sessionRow(row: SessionStanding, { now, mayAct }: Pick<Snapshot, "now" | "mayAct">): Html {
  const { session, attempts, since, nextAt, reason } = row;
  const times = [
    ...(since === undefined ? [] : [`since ${ago(since, now)}`.replace(/^since (.*) ago$/, "for $1")]),
    ...(nextAt === undefined ? [] : [nextAt > now ? `next try in ${showAge(nextAt - now)}` : "next try now"]),
  ].join(", ");
  return html`<tr id="s-${sessionToken(session)}" role="row">
    <th scope="row" role="rowheader" class="id">
      <a href="${href("/session", { id: session })}">${session}</a>
    </th>
    <td role="cell">${stateChip(row)}</td>
    <td role="cell" class="n" data-label="events">${showCount(row.events)}</td>
    <td role="cell" class="n${attempts === 0 && " wide"}" data-label="attempts">
      ${attempts > 0 ? showCount(attempts) : "–"}
    </td>
    <td role="cell" class="why${reason === "" && times === "" && " none"}">
      ${shorten(reason, 120)}${times !== "" && html` <span class="quiet">${times}</span>`}
    </td>
    ${mayAct && html`<td role="cell" class="act">${sessionAction(row)}</td>`}
  </tr>`;
}

export function stateChip(row: Pick<SessionStanding, "state">): Html {
  return html`<span class="chip ${row.state.replace(" ", "-")}">${row.state}</span>`;
}

export function sessionAction(row: Pick<SessionStanding, "state" | "session">): Html {
  const stopped = row.state === "paused" || row.state === "parked";
  const to = href("/confirm", { action: stopped ? "resume" : "pause", session: row.session });
  return ask(to, stopped ? "Resume" : "Pause", "plain", `session ${row.session}`);
}

/** The address of a list, from a place on if it is given. */
function listHref({ search, sort }: SessionList, after?: SessionStanding): string {
  const place = after === undefined ? undefined : placeOf(after);
  return href("/sessions", {
    q: search,
    sort: sort === "urgency" ? undefined : sort,
    after: place && `${place.rank}.${place.events}.${place.attempts}.${place.session}`,
  });
}

/** The list with its search. `isFirst`: it begins with the first session; `more`: there are some behind it. */
export function sessionsPage(
  snapshot: Snapshot,
  found: SessionList & { rows: readonly SessionStanding[]; total: number; isFirst: boolean; more: boolean },
): Html {
  const { rows, total, search, isFirst, more } = found;
  const last = rows.at(-1);
  return html`<h1>Sessions</h1>
    <form class="search" action="/sessions" method="get" role="search">
      <label for="q">Session or event id</label
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
    ${
      search !== "" &&
      html`<p class="links">
        <a href="${href("/session", { id: search })}">Open the session with exactly this id</a>
        <a href="${href("/event", { id: search })}">Find the event with this id</a>
      </p>`
    }
    <div id="sessions" data-live>
      <p class="quiet">
        ${
          search === ""
            ? pendingText(total, snapshot.isWhole)
            : html`${counted(total, "session")} with “${search}” in the id, of those that relays remember.`
        }
      </p>
      ${rows.length === 0 ? html`<p class="empty">${emptyText(search, isFirst)}</p>` : sessionsTable(rows, snapshot, found)}
      <nav class="pager" aria-label="Pages of sessions">
        ${!isFirst && html`<a class="button plain" rel="prev" href="${listHref(found)}">First</a>`}${more && last !== undefined && html`<a class="button plain" rel="next" href="${listHref(found, last)}">Next</a>`}
      </nav>
    </div>`;
}

/** Relays read ahead of what they send, but not without a bound. */
function pendingText(total: number, isWhole: boolean): string {
  const sessions = `${counted(total, "session")} with pending events`;
  return isWhole
    ? `${sessions}.`
    : `At least ${sessions}: relays have not read the whole backlog yet. Any session can be opened by its id.`;
}

function emptyText(search: string, isFirst: boolean): string {
  if (!isFirst) return "No further session.";
  return search === ""
    ? "No session waits."
    : "No session with pending events has this in its id. Its events may be settled: open the session, or find the event.";
}
