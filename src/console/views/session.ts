import { showAge } from "../../shared/base/show.ts";
import { standsStill, type SessionStanding } from "../../shared/messages/standing/session-standing.ts";
import type { EventPage } from "../watch/session-events.ts";
import { eventsTable } from "./events.ts";
import { html, type Html } from "./html.ts";
import { ask, href } from "./layout.ts";
import { sessionAction, stateChip } from "./sessions.ts";
import type { Snapshot } from "./snapshot.ts";
import { ago, counted, showCount, timeOf } from "./words.ts";

/** Events on one page. */
export const EVENTS_SIZE = 25;

const UNREADABLE: Html = html`<p class="empty bad">
  The events cannot be read now: the broker does not answer.
</p>`;

/** One session: how it stands and why, and its events. `row` is undefined if nothing is known of its lane; `events` if the broker does not answer. */
export function sessionPage(
  snapshot: Snapshot,
  session: string,
  found: { row: SessionStanding | undefined; events: EventPage | undefined; before: number | undefined },
): Html {
  const { row, events, before } = found;
  const isUnknown = row === undefined && events?.total === 0;
  return html` <div class="heading">
      <h1 class="id">${session}</h1>
      <div id="action" class="buttons" data-live>
        ${
          snapshot.mayAct && [
            row?.nextAt !== undefined && tryButton(session),
            sessionAction(row ?? { session, state: "idle" }),
          ]
        }
      </div>
    </div>
    <div id="lane" data-live>
      ${
        isUnknown
          ? html`<p class="empty">
              There is no event of this session in the log, and no relay knows of it. Check the id, or pause
              it before its first event.
            </p>`
          : standing(row, snapshot.now)
      }
    </div>
    <section aria-labelledby="events-title">
      <div class="heading">
        <h2 id="events-title">Events</h2>
        <a href="${href("/dead", { session })}">Its dead letters</a>
      </div>
      <div id="events" data-live>
        ${events === undefined ? UNREADABLE : listed(snapshot, session, { row, events, before })}
      </div>
    </section>`;
}

function listed(
  snapshot: Snapshot,
  session: string,
  {
    row,
    events,
    before,
  }: { row: SessionStanding | undefined; events: EventPage; before: number | undefined },
): Html {
  const link = (to: number | undefined, name: string, rel: string): Html =>
    html`<a class="button plain" rel="${rel}" href="${href("/session", { id: session, before: to })}"
      >${name}</a
    >`;
  if (events.events.length === 0)
    return html`<p class="empty">
      ${events.total === 0 ? "None. Older events are deleted once they are settled." : "None this old."}
    </p>`;
  return html`<p class="quiet">${counted(events.total, "event")} in the log, newest first.</p>
    ${eventsTable(events, row, snapshot)}
    <nav class="pager" aria-label="Older and newer events">
      ${before !== undefined && link(undefined, "Newest", "prev")}${events.older !== undefined && link(events.older, "Older", "next")}
    </nav>`;
}

function tryButton(session: string): Html {
  return ask(href("/confirm", { action: "try", session }), "Try now", "main", `session ${session}`);
}

function standing(row: SessionStanding | undefined, now: number): Html {
  return html`<dl class="facts">
    <dt>Lane</dt>
    <dd>
      ${stateChip(row ?? { state: "idle" })}${row === undefined && html` <span class="quiet">no relay has it in its memory</span>`}
    </dd>
    <dt>Events waiting</dt>
    <dd>${showCount(row?.events ?? 0)}</dd>
    ${row && standsStill(row) && standingFacts(row, now)}
    ${
      row !== undefined &&
      html`<dt>Shard</dt>
        <dd>${row.shard}</dd>`
    }
  </dl>`;
}

const WHAT: Partial<Record<SessionStanding["state"], string>> = { paused: "Paused", parked: "Parked" };

/** Why it stands still: since when, how often it was tried, the last answer, the next try, and who holds it. */
function standingFacts({ state, since, attempts, reason, nextAt, by }: SessionStanding, now: number): Html {
  const stopped = WHAT[state];
  const what = stopped ?? (attempts > 0 ? "Failing" : "Waits");
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
    html`<dt>${attempts > 0 && stopped === undefined ? "Last answer" : "Why"}</dt>
      <dd class="reason">${reason}</dd>`
  }
  ${
    nextAt !== undefined &&
    html`<dt>Next try</dt>
      <dd>${timeOf(nextAt)}, ${nextAt > now ? `in ${showAge(nextAt - now)}` : "now"}</dd>`
  }`;
}
