import { html, type Html } from "./html.ts";
import { showCount, timeOf } from "./words.ts";
import { headline, type Snapshot } from "./snapshot.ts";

// html.ts escapes · words.ts says numbers and times · layout.ts frames every page · overview.ts, sessions.ts, letters.ts and confirm.ts are the
// pages · chart.ts draws · ../client.js makes them live · style.ts is how they look

export type Place = "overview" | "sessions" | "agents" | "dead" | "checks" | "none";

/** What stands in the frame. */
export type Page = {
  place: Place;
  title: string;
  /** The page above this one. */
  crumb?: { path: string; name: string };
  main: Html;
  /** Of HTTP; 200 if it is missing. */
  status?: number;
};

/** What an action did, shown once on the page that follows it. */
export type Notice = { mood: "good" | "bad"; text: string };

/**
 * A whole page. Regions with `data-live` are what the script refreshes: it asks for the same page again and takes over what changed, so that
 * there is one renderer, this one. Pure.
 */
export function layout(snapshot: Snapshot, page: Page, notice: Notice | undefined): string {
  const { place, title } = page;
  const dead = snapshot.reading.known?.status.dead.messages ?? 0;
  const { mood, title: state } = headline(snapshot);
  const link = (to: string, name: string, at: Place, count?: number): Html =>
    html`<li>
      <a href="${to}" ${place === at && html` aria-current="page"`}
        >${name}${count !== undefined && count > 0 && html` <span class="count">${showCount(count)}</span>`}</a
      >
    </li>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · runner-relay</title>
        <link rel="icon" href="/page/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/page/style.css" />
        <script type="module" src="/page/client.js"></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <div class="bar">
            <a class="name" href="/"
              ><span class="dot ${mood}" id="dot" data-live aria-hidden="true"></span>runner-relay</a
            >
            <nav aria-label="Pages">
              <ul id="nav" data-live>
                ${link("/", "Overview", "overview")}${link("/sessions", "Sessions", "sessions")}${link("/agents", "Agents", "agents")}${link("/dead", "Dead letters", "dead", dead)}${link("/checks", "Checks", "checks")}
              </ul>
            </nav>
            <p class="who">${whoOf(snapshot.relays)} <span class="quiet">${snapshot.version}</span></p>
          </div>
        </header>
        <p class="lost" id="lost" role="alert" hidden></p>
        <main id="main" tabindex="-1">
          ${notice && html`<p class="notice ${notice.mood}" id="notice" role="status" tabindex="-1">${notice.text}</p>`}
          ${
            place !== "overview" &&
            html`<div class="where">
              ${page.crumb && html`<a href="${page.crumb.path}">${page.crumb.name}</a>`}
              <p class="mini ${mood}" id="mini" data-live><a href="/">${state}</a></p>
            </div>`
          }
          ${page.main}
        </main>
        <footer id="foot" data-live>
          <p>
            ${staleness(snapshot)} Charts and outages are kept in the console's memory, since its start
            ${timeOf(snapshot.startedAt)}.
          </p>
          <p><a href="/status.json">status.json</a></p>
        </footer>
        <dialog id="dialog" aria-labelledby="confirm-title"></dialog>
      </body>
    </html> `.text;
}

/** The relay by its name, several by their number. */
function whoOf(relays: readonly string[]): string {
  const [first] = relays;
  if (first === undefined) return "no relay";
  return relays.length === 1 ? first : `${relays.length} relays`;
}

function staleness({ reading: { known, error } }: Snapshot): Html {
  if (known === undefined) return html`The log was not read yet${error !== undefined && `: ${error}`}.`;
  if (error !== undefined) return html`As of ${timeOf(known.wall)}: ${error}.`;
  return html`As of ${timeOf(known.wall)}.`;
}

/** A table whose rows become cards where the screen is narrow; its roles are named, because a table that is laid out otherwise loses them. */
export function table(options: { id: string; caption: string; head: Html; rows: readonly Html[] }): Html {
  return html`<div class="scroll" role="region" aria-label="${options.caption}" tabindex="0">
    <table id="${options.id}" class="stack" role="table">
      <caption class="hide">
        ${options.caption}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          ${options.head}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${options.rows}
      </tbody>
    </table>
  </div>`;
}

/** A button that leads to a confirmation: with the script in a dialog, else as a page of its own. */
export function ask(to: string, name: string, kind: "plain" | "main" = "plain", about?: string): Html {
  return html`<a class="button ${kind}" href="${to}" data-ask
    >${name}${about !== undefined && html`<span class="hide"> ${about}</span>`}</a
  >`;
}

/** A link with parameters; whatever is in them. */
export function href(path: string, parameters: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== "") query.set(name, String(value));
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}
