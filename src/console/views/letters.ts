import { decodeEnvelope } from "../../shared/log/schema/envelope.ts";
import { errorText } from "../../shared/base/errors.ts";
import { showBytes } from "../../shared/base/show.ts";
import { exact, html, type Html } from "./html.ts";
import type { LetterFacts, LetterPage } from "../watch/letter-pages.ts";
import { ask, href, table } from "./layout.ts";
import { prettyJson } from "./pretty-json.ts";
import type { Snapshot } from "./snapshot.ts";
import { ago, counted, shorten, timeOf } from "./words.ts";

/** Characters of a body that are shown. More would only make the browser slow. */
const MOST_SHOWN: number = 128 * 1024;

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
      <th scope="col" role="columnheader" class="wide">Since</th>
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
          <td role="cell" class="wide age">${ago(Date.parse(it.at), snapshot.now)}</td>
          ${snapshot.mayAct && html`<td role="cell" class="act">${ask(href("/confirm", { action: "redrive", seq: it.seq }), "Redrive", "plain", `event ${it.id}`)}</td>`}
        </tr>`,
    ),
  });
}

/** A page of them, newest first. */
export function lettersPage(snapshot: Snapshot, page: LetterPage, session: string | undefined): Html {
  const { letters, total, older, newer } = page;
  const link = (before: number | undefined, name: string, rel: string): Html =>
    html`<a class="button plain" rel="${rel}" href="${href("/dead", { session, before })}">${name}</a>`;
  return html`<h1>Dead letters</h1>
    <form class="search" action="/dead" method="get" role="search">
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
      /><button class="button">Show</button>${session !== undefined && html`<a href="/dead">Show all</a>`}
    </form>
    <div id="letters" data-live>
      <p class="quiet">
        ${total === 0 ? "Events that the coordinator refused permanently appear here, with the reason." : html`${counted(total, "dead letter")}${session !== undefined && html` of ${session}`}, newest first. They stay until they are redriven or dropped (<code>runner-relay dead drop</code>).`}
      </p>
      ${letters.length === 0 ? html`<p class="empty">${newer === undefined ? "None." : "None this old."}</p>` : lettersTable(letters, snapshot)}
      <nav class="pager" aria-label="Older and newer">
        ${newer !== undefined && link(newer ?? undefined, "Newer", "prev")}${older !== undefined && link(older, "Older", "next")}
      </nav>
    </div>`;
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
    ${eventOf(letter.payload)}`;
}

function eventOf(payload: Uint8Array): Html {
  try {
    const { body, type, at, seq, epoch } = decodeEnvelope(payload);
    const text = new TextDecoder().decode(body.subarray(0, 4 * MOST_SHOWN));
    const pretty = /json/i.test(type) && body.length <= 4 * MOST_SHOWN ? prettyJson(text, MOST_SHOWN) : text;
    const cut = pretty.length > MOST_SHOWN || body.length > 4 * MOST_SHOWN;
    return html`<section aria-labelledby="body-title">
      <div class="heading">
        <h2 id="body-title">Body</h2>
        <p class="quiet">
          ${type}, ${showBytes(body.length)}; accepted ${timeOf(at)} as number ${seq} of its session
          (${epoch})
        </p>
      </div>
      <pre class="body" tabindex="0" role="region" aria-label="Text of the body">
${pretty.slice(0, MOST_SHOWN)}</pre>
      ${cut && html`<p class="more">The first ${showBytes(MOST_SHOWN)} are shown; the whole of it: <code>runner-relay dead show</code>.</p>`}
    </section>`;
  } catch (error) {
    return html`<section aria-labelledby="body-title">
      <h2 id="body-title">Body</h2>
      <p class="empty bad">It cannot be read: ${errorText(error)}</p>
    </section>`;
  }
}
