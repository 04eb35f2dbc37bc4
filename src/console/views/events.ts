import { showBytes } from "../../shared/base/show.ts";
import type { SessionStanding } from "../../shared/messages/standing/session-standing.ts";
import type { EventFacts, EventPage } from "../watch/session-events.ts";
import { bodyOf } from "./body.ts";
import { html, type Html } from "./html.ts";
import { ask, href, table } from "./layout.ts";
import type { Snapshot } from "./snapshot.ts";
import { ago, shorten, showCount, timeOf } from "./words.ts";

/** What is known of the attempts of an event, and of the last answer to it. */
type Tries = { attempts?: number; answer: string };

/** Attempts are known of dead letters and of the first waiting event; of delivered events they are not kept. Pure. */
function triesOf(event: EventFacts, standing: SessionStanding | undefined, isHead: boolean): Tries {
  const { letter, reason } = event;
  if (letter !== undefined)
    return { attempts: letter.attempts, answer: `${letter.status ?? ""} ${letter.reason}`.trim() };
  if (reason !== undefined) return { answer: reason };
  if (event.state !== "pending") return { answer: "" };
  if (!isHead) return { answer: "waits behind an earlier event" };
  if (standing === undefined) return { answer: "" };
  return { ...(standing.attempts > 0 ? { attempts: standing.attempts } : {}), answer: standing.reason };
}

/** The first waiting event of a session, as far as one page tells: everything before it is settled. Pure. */
function headOf({ events, older }: EventPage): number | undefined {
  const at = events.findLastIndex(({ state }) => state === "pending");
  const isFirst = at < events.length - 1 || older === undefined;
  return at === -1 || !isFirst ? undefined : events[at]?.seq;
}

/** Events of one session, newest first. */
export function eventsTable(
  page: EventPage,
  standing: SessionStanding | undefined,
  snapshot: Pick<Snapshot, "now" | "mayAct">,
): Html {
  const head = headOf(page);
  return table({
    id: "event-rows",
    caption: "Events of the session",
    head: html`<th scope="col" role="columnheader">Event</th>
      <th scope="col" role="columnheader">State</th>
      <th scope="col" role="columnheader">Accepted</th>
      <th scope="col" role="columnheader">Type</th>
      <th scope="col" role="columnheader" class="n">Attempts</th>
      <th scope="col" role="columnheader">Last answer</th>
      ${snapshot.mayAct && html`<th scope="col" role="columnheader"><span class="hide">Action</span></th>`}`,
    rows: page.events.map((it) => eventRow(it, triesOf(it, standing, it.seq === head), snapshot)),
  });
}

function eventRow(
  it: EventFacts,
  { attempts, answer }: Tries,
  snapshot: Pick<Snapshot, "now" | "mayAct">,
): Html {
  return html`<tr id="e-${it.seq}" role="row">
    <th scope="row" role="rowheader" class="id event">
      <a href="${href("/event", { seq: it.seq })}">${shorten(it.id, 24)}</a>
    </th>
    <td role="cell"><span class="chip ${it.state}">${it.state}</span></td>
    <td role="cell" class="age" data-label="accepted">${ago(it.at, snapshot.now)}</td>
    <td role="cell">${it.type ?? it.kind}${it.again && " (again)"}</td>
    <td role="cell" class="n${attempts === undefined && " wide"}" data-label="attempts">
      ${attempts === undefined ? "–" : showCount(attempts)}
    </td>
    <td role="cell" class="why${answer === "" && " none"}">${shorten(answer, 160)}</td>
    ${snapshot.mayAct && html`<td role="cell" class="act">${it.letter !== undefined && redriveButton(it.letter.seq, it.id)}</td>`}
  </tr>`;
}

function redriveButton(letter: number, id: string): Html {
  return ask(href("/confirm", { action: "redrive", seq: letter }), "Redrive", "plain", `event ${id}`);
}

/** One event with its body. `standing`: how its session stands, if it is pending. */
export function eventPage(
  snapshot: Snapshot,
  { facts, payload }: { facts: EventFacts; payload: Uint8Array },
  standing: SessionStanding | undefined,
): Html {
  const { letter } = facts;
  const { attempts, answer } = triesOf(facts, standing, true);
  return html` <div class="heading">
      <h1 class="id">${facts.id}</h1>
      ${snapshot.mayAct && letter !== undefined && redriveButton(letter.seq, facts.id)}
    </div>
    <div id="outcome" data-live>
      <dl class="facts">
        <dt>State</dt>
        <dd><span class="chip ${facts.state}">${facts.state}</span></dd>
        ${
          answer !== "" &&
          html`<dt>${facts.state === "pending" ? "Its session waits" : "Last answer"}</dt>
            <dd class="reason">${answer}</dd>`
        }
        ${
          attempts !== undefined &&
          html`<dt>Attempts</dt>
            <dd>${showCount(attempts)}</dd>`
        }
        <dt>Session</dt>
        <dd class="id"><a href="${href("/session", { id: facts.session })}">${facts.session}</a></dd>
        <dt>Kind</dt>
        <dd>
          ${facts.type === undefined ? facts.kind : `${facts.kind}, ${facts.type}`}${facts.again && ", put into the log again by an operator"}
        </dd>
        <dt>Runner</dt>
        <dd>${facts.runner}</dd>
        <dt>Accepted</dt>
        <dd>${timeOf(facts.at)}, ${ago(facts.at, snapshot.now)}</dd>
        <dt>Sequence in the log</dt>
        <dd>${facts.seq}, ${showBytes(facts.bytes)}</dd>
      </dl>
    </div>
    ${bodyOf(payload)}`;
}
