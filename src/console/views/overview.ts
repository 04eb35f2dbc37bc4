import { damageAdvice, damageText } from "../../shared/log/state/damage.ts";
import { departureText } from "../../shared/log/state/departure.ts";
import { showAge, showBytes } from "../../shared/base/show.ts";
import { chart, RANGES, type ChartRange } from "./chart.ts";
import { html, type Html } from "./html.ts";
import type { LetterFacts } from "../watch/letter-pages.ts";
import { lettersTable } from "./letters.ts";
import { ask, href } from "./layout.ts";
import { drainMs, type Sample } from "../watch/samples.ts";
import { firstStandings } from "../../shared/messages/standing/session-standing.ts";
import { sessionsTable } from "./sessions.ts";
import { headline, type Snapshot } from "./snapshot.ts";
import type { Trouble } from "../watch/timeline.ts";
import { ago, counted, showCount, showRate, timeOf, titleOf } from "./words.ts";

const MOST_SESSIONS = 8;
const MOST_TROUBLES = 10;
const MOST_LEAVING = 5;

/** The page that one looks at first: state, numbers, charts, what went wrong, where it waits. Pure. */
export function overview(
  snapshot: Snapshot,
  more: { samples: readonly Sample[]; range: ChartRange; letters: readonly LetterFacts[] | undefined },
): Html {
  const { rows, total } = firstStandings(snapshot.sources, { most: MOST_SESSIONS });
  return html`<h1 class="hide">Overview</h1>
    <section class="state" id="state" data-live aria-label="State">${stateOf(snapshot)}</section>
    <section id="damage" data-live aria-label="Damage">${damage(snapshot)}</section>
    <section id="leaving" data-live aria-label="Runners to be removed">${leaving(snapshot)}</section>
    <section id="numbers" data-live aria-label="Numbers">${numbers(snapshot)}</section>
    <section aria-labelledby="charts-title">
      <div class="heading">
        <h2 id="charts-title">Last ${more.range.name}</h2>
        <ul class="tabs" aria-label="Time range">
          ${RANGES.map(
            (range) =>
              html`<li>
                <a
                  href="${href("/", { range: range === RANGES[0] ? undefined : range.key })}"
                  ${range === more.range && html` aria-current="true"`}
                  >${range.name}</a
                >
              </li>`,
          )}
        </ul>
      </div>
      <div class="charts" id="charts" data-live>${charts(snapshot, more.samples, more.range)}</div>
    </section>
    <section aria-labelledby="outages-title">
      <h2 id="outages-title">Outages and pauses</h2>
      <div id="outages" data-live>${outages(snapshot)}</div>
    </section>
    <section aria-labelledby="sessions-title">
      <div class="heading">
        <h2 id="sessions-title">Sessions that wait</h2>
        <a href="/sessions">All sessions</a>
      </div>
      <div id="sessions" data-live>
        ${
          rows.length === 0
            ? html`<p class="empty">No session waits.</p>`
            : [
                sessionsTable(rows, snapshot),
                total > rows.length &&
                  html`<p class="more">${counted(total - rows.length, "more session")}.</p>`,
              ]
        }
      </div>
    </section>
    <section aria-labelledby="dead-title">
      <div class="heading">
        <h2 id="dead-title">Newest dead letters</h2>
        <a href="/dead">All dead letters</a>
      </div>
      <div id="letters" data-live>${letters(more.letters, snapshot)}</div>
    </section>`;
}

function stateOf(snapshot: Snapshot): Html {
  const { mood, title, detail, since } = headline(snapshot);
  const { known } = snapshot.reading;
  const paused = known?.status.controls.paused;
  const url = known?.status.coordinator;
  return html`<div class="banner ${mood}">
    <div class="text" id="state-text">
      <div role="status"><h2>${title}</h2></div>
      <p>${detail}</p>
      <p class="quiet">
        ${since !== undefined && html`Since ${timeOf(since)}, ${showAge(snapshot.now - since)}. `}${nextTry(snapshot)}${url === undefined ? "No coordinator was recorded yet." : html`Coordinator <code>${url}</code>`}
      </p>
    </div>
    ${
      snapshot.mayAct &&
      known !== undefined &&
      html`<div class="buttons">
        ${nextTryAt(snapshot) !== undefined && ask("/confirm?action=try", "Try now", "main", "the coordinator")}
        ${paused === undefined ? ask("/confirm?action=pause", "Pause everything") : ask("/confirm?action=resume", "Resume", "main", "everything")}
      </div>`
    }
  </div>`;
}

/** When the coordinator is asked next, while nothing is sent to it. */
function nextTryAt({ gate, connected }: Snapshot): number | undefined {
  return connected && "nextAt" in gate ? gate.nextAt : undefined;
}

function nextTry(snapshot: Snapshot): Html | false {
  const at = nextTryAt(snapshot);
  if (at === undefined) return false;
  return html`Next try ${at > snapshot.now ? `in ${showAge(at - snapshot.now)}` : "now"}. `;
}

function damage({ reading }: Snapshot): Html[] {
  return (reading.known?.status.damage ?? []).map(
    (it) =>
      html`<div class="banner bad">
        <div class="text">
          <h2>${titleOf(it.code)}</h2>
          <p>${damageText(it)}.</p>
          <p class="quiet">Noticed ${timeOf(it.at)}. What to do: ${damageAdvice(it)}.</p>
        </div>
      </div>`,
  );
}

function leaving({ reading, now }: Snapshot): Html[] {
  const all = reading.known?.status.leaving ?? [];
  const shown = all.slice(0, MOST_LEAVING).map((it) => {
    const { text, todo } = departureText(it);
    return html`<p>
      Runner <code>${it.runner}</code> ${text}, for ${showAge(now - it.since)}. What to do: ${todo}.
    </p>`;
  });
  const more = all.length - shown.length;
  return more > 0 ? [...shown, html`<p class="more">${counted(more, "more runner")}.</p>`] : shown;
}

function numbers({ reading, latest, now, sources, relays, recent }: Snapshot): Html {
  const status = reading.known?.status;
  const rate = (value: number | undefined): string =>
    value === undefined || Number.isNaN(value) ? "–" : showRate(value);
  const stopped = (status?.backlog.held ?? []).filter(({ reason }) => reason !== "backlog");
  const parked = stopped.filter(({ reason }) => reason === "parked").length;
  const wished = sources.wishes.filter(({ action }) => action === "pause").length;
  const paused = Math.max(stopped.length - parked, wished);
  const drained = status && drainMs(recent, status.backlog.events);
  const full = status === undefined ? 0 : (100 * status.log.bytes) / Math.max(1, status.log.maxBytes);
  return html`<dl class="numbers">
    ${number(
      "waiting",
      "Waiting",
      status && showCount(status.backlog.events),
      status?.oldestWaiting === undefined
        ? "nothing waits"
        : `oldest ${showAge(now - Date.parse(status.oldestWaiting))}${drained === undefined ? "" : `; empty in about ${showAge(drained)}`}`,
    )}
    ${number("accepted", "Accepted", rate(latest?.accepted), status && `${showCount(status.log.lastSeq)} in all`)}
    ${number("delivered", "Delivered", rate(latest?.delivered), `by ${counted(relays.length, "relay")}`)}
    ${number("dead", "Dead letters", status && showCount(status.dead.messages), status && status.dead.messages > 0 ? showBytes(status.dead.bytes) : "none", status !== undefined && status.dead.messages > 0)}
    ${number("stopped", "Stopped sessions", status && showCount(parked + paused), `${parked} parked, ${paused} paused`, parked > 0)}
    ${number("log", "Log", status && `${full.toFixed(1)} %`, status && `${showBytes(status.log.bytes)} of ${showBytes(status.log.maxBytes)}`, full > 80)}
  </dl>`;
}

function number(
  id: string,
  name: string,
  value: string | undefined,
  note: string | undefined,
  alarm = false,
): Html {
  return html`<div${alarm && html` class="alarm"`}><dt>${name}</dt><dd class="value" id="n-${id}">${value ?? "–"}</dd><dd class="note">${note ?? ""}</dd></div>`;
}

function charts(snapshot: Snapshot, samples: readonly Sample[], range: ChartRange): Html[] {
  const base = { samples, troubles: snapshot.troubles, range, now: snapshot.now };
  return [
    chart({
      ...base,
      id: "backlog",
      title: "Backlog",
      unit: "count",
      series: [{ name: "events waiting", of: (it) => it.backlog }],
    }),
    chart({
      ...base,
      id: "rates",
      title: "Throughput",
      unit: "rate",
      series: [
        { name: "accepted", of: (it) => it.accepted },
        { name: "delivered", of: (it) => it.delivered },
      ],
    }),
    chart({
      ...base,
      id: "dead",
      title: "Dead letters",
      unit: "count",
      series: [{ name: "dead letters", of: (it) => it.dead }],
    }),
  ];
}

const KINDS: Record<Trouble["kind"], string> = {
  away: "Coordinator away",
  paused: "Paused",
  broker: "Broker away",
  unheard: "No relay",
};

function outages({ troubles, forgottenTroubles, now, startedAt }: Snapshot): Html {
  const [first] = troubles;
  if (first === undefined) return html`<p class="empty">None since ${timeOf(startedAt)}.</p>`;
  const left = Math.max(0, troubles.length - MOST_TROUBLES) + forgottenTroubles;
  return html`<ol class="timeline">
      ${troubles.slice(0, MOST_TROUBLES).map(
        (it) =>
          html`<li class="${it.kind}${it.to === undefined && " lasting"}">
            <p class="what">
              <b>${nameOf(it)}</b>
              <span class="length"
                >${it.to === undefined ? html`for ${showAge(now - it.from)} now` : showLength(it.to - it.from)}</span
              >
            </p>
            <p class="quiet">
              ${timeOf(it.from)}${it.to === undefined ? ", lasts" : html` to ${timeOf(it.to)}, ended ${ago(it.to, now)}`}
            </p>
            <p class="why">${it.text}</p>
          </li>`,
      )}
    </ol>
    ${left > 0 && html`<p class="more">${counted(left, "older one")}.</p>`}`;
}

function nameOf({ kind, code }: Trouble): string {
  if (code === undefined) return KINDS[kind];
  return code === "paused_by_operator" ? titleOf(code) : `${KINDS[kind]}: ${titleOf(code)}`;
}

function showLength(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : showAge(ms);
}

function letters(found: readonly LetterFacts[] | undefined, snapshot: Snapshot): Html {
  if (found === undefined)
    return html`<p class="empty bad">Dead letters cannot be read now: the broker does not answer.</p>`;
  return found.length === 0
    ? html`<p class="empty">None. No event was refused permanently.</p>`
    : lettersTable(found, snapshot);
}
