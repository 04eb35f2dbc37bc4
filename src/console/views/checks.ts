import { ownCommand } from "../../shared/base/own-command.ts";
import type { Line } from "../../shared/messages/checks/line.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import type { Checks } from "../watch/checks.ts";
import { html, type Html } from "./html.ts";
import { table } from "./layout.ts";
import { counted, showCount, timeOf, titleOf } from "./words.ts";

const WORST: readonly Line["level"][] = ["fail", "warn", "ok"];

/** What `doctor` says, those lines first that need something, and all relays. */
export function checksPage({ lines, relays, wall }: Checks): Html {
  const sorted = WORST.flatMap((level) => lines.filter((line) => line.level === level));
  const bad = lines.filter(({ level }) => level !== "ok").length;
  return html`<h1>Checks</h1>
    <div id="checks" data-live>
      <p class="quiet">
        ${bad === 0 ? "All is well" : counted(bad, "problem")}, as of ${timeOf(wall)}.
        <code>${ownCommand("doctor")}</code>
        also checks gateways, permissions, the disk and the clock.
      </p>
      <ol class="timeline checks">
        ${sorted.map(
          ({ level, check, text, todo }) =>
            html`<li>
              <p class="what"><span class="chip ${level}">${level}</span> <b>${check}</b></p>
              <p class="why">
                ${text}${todo !== undefined && html`<br /><span class="quiet">What to do: ${todo}</span>`}
              </p>
            </li>`,
        )}
      </ol>
    </div>
    <section aria-labelledby="relays-title">
      <h2 id="relays-title">Relays</h2>
      <div id="relays" data-live>
        ${relays.length === 0 ? html`<p class="empty">No relay is heard.</p>` : relaysTable(relays)}
      </div>
    </section>`;
}

function relaysTable(relays: readonly RelayState[]): Html {
  return table({
    id: "relay-rows",
    caption: "Relays that are heard",
    head: html`<th scope="col" role="columnheader">Relay</th>
      <th scope="col" role="columnheader">Coordinator</th>
      <th scope="col" role="columnheader">Shards</th>
      <th scope="col" role="columnheader" class="n">Sessions that wait</th>
      <th scope="col" role="columnheader" class="n">Events</th>`,
    rows: relays.map((it) => {
      const waiting = it.backlog.filter(({ events }) => events > 0);
      const { state, reason } = it.coordinator;
      return html`<tr role="row">
        <th scope="row" role="rowheader" class="id">${it.relay}</th>
        <td role="cell">${reason === undefined ? state : `${state}: ${titleOf(reason)}`}</td>
        <td role="cell" data-label="shards">
          ${it.shards.map(({ shard }) => shard).join(" ") || "none yet"}
        </td>
        <td role="cell" class="n" data-label="sessions">${showCount(waiting.length)}</td>
        <td role="cell" class="n" data-label="events">
          ${showCount(waiting.reduce((sum, { events }) => sum + events, 0))}
        </td>
      </tr>`;
    }),
  });
}
