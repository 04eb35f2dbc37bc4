import { exact, html, type Html } from "./html.ts";
import type { LetterGroup, LetterSelection } from "../watch/letter-index.ts";
import type { LetterFacts, LetterPage } from "../watch/letter-pages.ts";
import { bodyOf } from "./body.ts";
import { ask, href, table } from "./layout.ts";
import type { Snapshot } from "./snapshot.ts";
import { ago, counted, shorten, showCount, timeOf } from "./words.ts";

/** Reasons that are listed. */
const MOST_GROUPS = 20;

export function lettersTable(
  letters: readonly LetterFacts[],
  snapshot: Pick<Snapshot, "now" | "mayAct">,
): Html {
  return table({
    id: "letter-rows",
    caption: "Dead letters",
    head: html`<th scope="col" role="columnheader">Event</th>
      <th scope="col" role="columnheader">Session</th>
      <th scope="col" role="columnheader" class="wide">Kind</th>
      <th scope="col" role="columnheader" class="n">Status</th>
      <th scope="col" role="columnheader">Reason</th>
      <th scope="col" role="columnheader">Since</th>
      ${snapshot.mayAct && html`<th scope="col" role="columnheader"><span class="hide">Action</span></th>`}`,
    rows: letters.map(
      (it) =>
        html`<tr id="d-${it.seq}" role="row">
          <th scope="row" role="rowheader" class="id event">
            <a href="${href("/letter", { seq: it.seq })}">${shorten(it.id, 24)}</a>
          </th>
          <td role="cell" class="id" data-label="session">
            <a href="${href("/session", { id: it.session })}">${it.session}</a>
          </td>
          <td role="cell" class="wide">${it.kind}</td>
          <td role="cell" class="n" data-label="status">${it.status ?? "–"}</td>
          <td role="cell" class="why">${shorten(it.reason, 160)}</td>
          <td role="cell" class="age" data-label="since">${ago(Date.parse(it.at), snapshot.now)}</td>
          ${snapshot.mayAct && html`<td role="cell" class="act">${ask(href("/confirm", { action: "redrive", seq: it.seq }), "Redrive", "plain", `event ${it.id}`)}</td>`}
        </tr>`,
    ),
  });
}

/** A selection as it stands in an address or a form. Times are to the minute, UTC. Pure. */
export function selectionParams({
  group,
  session,
  since,
  until,
  upto,
}: LetterSelection): Record<string, string | undefined> {
  const minute = (at: number | undefined): string | undefined =>
    at === undefined ? undefined : new Date(at).toISOString().slice(0, 16);
  return { reason: group, session, since: minute(since), until: minute(until), upto: upto?.toString() };
}

function isEverything({ group, session, since, until }: LetterSelection): boolean {
  return group === undefined && session === undefined && since === undefined && until === undefined;
}

/** A page of them, newest first, with their groups. `groups` is undefined while they are being counted. */
export function lettersPage(
  snapshot: Snapshot,
  found: { page: LetterPage; groups: readonly LetterGroup[] | undefined; selection: LetterSelection },
): Html {
  const { page, groups, selection } = found;
  const { letters, total, older, newer } = page;
  const link = (before: number | undefined, name: string, rel: string): Html =>
    html`<a
      class="button plain"
      rel="${rel}"
      href="${href("/dead", { ...selectionParams(selection), before })}"
      >${name}</a
    >`;
  return html`<h1>Dead letters</h1>
    ${searchForm(selection)}
    ${
      isEverything(selection) &&
      total > 0 &&
      html`<section aria-labelledby="groups-title">
        <h2 id="groups-title">By reason</h2>
        <div id="groups" data-live>${groupsTable(groups, snapshot)}</div>
      </section>`
    }
    <div id="letters" data-live>
      <div class="heading">
        <p class="quiet">
          ${total === 0 && isEverything(selection) ? "Events that the coordinator refused permanently appear here, with the reason." : html`${counted(total, "dead letter")}${describe(selection)}, newest first. They stay until they are redriven or dropped.`}
        </p>
        ${snapshot.mayAct && total > 0 && groupButtons(selection, "all of these")}
      </div>
      ${letters.length === 0 ? html`<p class="empty">${newer === undefined ? "None." : "None this old."}</p>` : lettersTable(letters, snapshot)}
      <nav class="pager" aria-label="Older and newer">
        ${newer !== undefined && link(newer ?? undefined, "Newer", "prev")}${older !== undefined && link(older, "Older", "next")}
      </nav>
    </div>`;
}

/** ` of session x`, ` with the reason y`. */
export function describe({ group, session, since, until }: LetterSelection): Html {
  return html`${session !== undefined && html` of session <span class="id">${session}</span>`}${group !== undefined && html` with the reason “${group}”`}${since !== undefined && html` since ${timeOf(since)}`}${until !== undefined && html` until ${timeOf(until)}`}`;
}

function searchForm(selection: LetterSelection): Html {
  const { reason, session, since, until } = selectionParams(selection);
  const time = (id: string, name: string, value: string | undefined): Html =>
    html`<span class="pair"
      ><label for="${id}">${name}</label
      ><input id="${id}" name="${id}" type="datetime-local" value="${value ?? ""}"
    /></span>`;
  return html`<form class="search" action="/dead" method="get" role="search">
    <label for="session">Of the session</label
    ><input
      id="session"
      name="session"
      type="search"
      value="${exact(session ?? "")}"
      maxlength="200"
      autocomplete="off"
      spellcheck="false"
      placeholder="whole id"
    />
    ${time("since", "Since (UTC)", since)} ${time("until", "Until (UTC)", until)}
    ${reason !== undefined && html`<input type="hidden" name="reason" value="${exact(reason)}" />`}
    <button class="button">Show</button>${!isEverything(selection) && html`<a href="/dead">Show all</a>`}
  </form>`;
}

function groupsTable(groups: readonly LetterGroup[] | undefined, snapshot: Snapshot): Html {
  if (groups === undefined) return html`<p class="empty">They are being counted.</p>`;
  return table({
    id: "group-rows",
    caption: "Dead letters by reason",
    head: html`<th scope="col" role="columnheader">Reason</th>
      <th scope="col" role="columnheader" class="n">Letters</th>
      <th scope="col" role="columnheader" class="n">Sessions</th>
      <th scope="col" role="columnheader">Newest</th>
      ${snapshot.mayAct && html`<th scope="col" role="columnheader"><span class="hide">Action</span></th>`}`,
    rows: groups.slice(0, MOST_GROUPS).map(
      ({ group, count, sessions, newest }, i) =>
        html`<tr id="g-${i}" role="row">
          <th scope="row" role="rowheader" class="why">
            <a href="${href("/dead", { reason: group })}">${shorten(group, 160)}</a>
          </th>
          <td role="cell" class="n" data-label="letters">${showCount(count)}</td>
          <td role="cell" class="n" data-label="sessions">${showCount(sessions)}</td>
          <td role="cell" class="age" data-label="newest">${ago(newest, snapshot.now)}</td>
          ${snapshot.mayAct && html`<td role="cell" class="acts">${groupButtons({ group }, `those with the reason ${shorten(group, 60)}`)}</td>`}
        </tr>`,
    ),
  });
}

function groupButtons(selection: LetterSelection, about: string): Html {
  const to = (action: string): string => href("/confirm", { action, ...selectionParams(selection) });
  return html`<span class="buttons"
    >${ask(to("redrive-all"), "Redrive all", "plain", about)}${ask(to("drop-all"), "Drop all", "plain", about)}</span
  >`;
}

/** One with its event. */
export function letterPage(snapshot: Snapshot, letter: LetterFacts & { payload: Uint8Array }): Html {
  return html` <div class="heading">
      <h1 class="id">${letter.id}</h1>
      ${snapshot.mayAct && ask(href("/confirm", { action: "redrive", seq: letter.seq }), "Redrive", "main", `event ${letter.id}`)}
    </div>
    <dl class="facts">
      <dt>Reason</dt>
      <dd class="reason">${letter.reason}</dd>
      <dt>Status</dt>
      <dd>${letter.status ?? "none"}</dd>
      <dt>Attempts</dt>
      <dd>${letter.attempts}</dd>
      <dt>Session</dt>
      <dd class="id"><a href="${href("/session", { id: letter.session })}">${letter.session}</a></dd>
      <dt>Kind</dt>
      <dd>${letter.kind}</dd>
      <dt>Runner</dt>
      <dd>${letter.runner}</dd>
      <dt>Since</dt>
      <dd>${timeOf(letter.at)}, ${ago(Date.parse(letter.at), snapshot.now)}</dd>
      <dt>Executor</dt>
      <dd>${letter.answered ? "received the refusal itself" : "got 202; not told of the refusal"}</dd>
      <dt>Was in the log at</dt>
      <dd>${letter.origSeq}</dd>
    </dl>
    ${bodyOf(letter.payload)}`;
}
