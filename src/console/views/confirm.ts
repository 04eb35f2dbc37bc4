import { agentWords, type AgentAction } from "./confirm-agent.ts";
import type { Words } from "./confirm-words.ts";
import { exact, html, type Html } from "./html.ts";
import type { LetterSelection } from "../watch/letter-index.ts";
import type { LetterFacts } from "../watch/letter-pages.ts";
import { href } from "./layout.ts";
import { describe, selectionParams } from "./letters.ts";
import { counted } from "./words.ts";

/** What an operator may do here, with what it is done to. */
export type Action =
  | { action: "pause" | "resume" }
  | { action: "pause" | "resume"; session: string; parked: boolean }
  | { action: "redrive"; letter: LetterFacts; overtaken: boolean }
  | { action: "try"; session?: string }
  | AgentAction
  | { action: "redrive-all" | "drop-all"; selection: LetterSelection; count: number; overtaken: number };

/** The question before something is done; its form is the only way to do it. Pure. */
export function confirmPage(action: Action, token: string): Html {
  const { title, text, fields, button, back } = wordsOf(action);
  return html`<section class="confirm" id="confirm">
    <h1 id="confirm-title">${title}</h1>
    <div class="text">${text}</div>
    <form method="post" action="/act/${action.action}">
      <input type="hidden" name="token" value="${exact(token)}" />
      ${"session" in action && action.session !== undefined && html`<input type="hidden" name="session" value="${exact(action.session)}" />`}
      ${"selection" in action && Object.entries(selectionParams(action.selection)).map(([name, value]) => value !== undefined && html`<input type="hidden" name="${name}" value="${exact(value)}" />`)}
      ${action.action === "redrive" && html`<input type="hidden" name="seq" value="${action.letter.seq}" />`}
      ${"agent" in action && html`<input type="hidden" name="agent" value="${exact(action.agent.name)}" />`}
      ${"question" in action && html`<input type="hidden" name="request" value="${exact(action.question.request)}" />`}
      ${"turn" in action && html`<input type="hidden" name="turn" value="${exact(action.turn)}" />`} ${fields}
      <p class="buttons">
        <a class="button plain" href="${back}" data-close>Cancel</a
        ><button class="button main">${button}</button>
      </p>
    </form>
  </section>`;
}

const REASON: Html = html`<p class="field">
  <label for="why">Why (others will see it)</label
  ><input id="why" name="text" maxlength="300" autocomplete="off" />
</p>`;

function wordsOf(action: Action): Words {
  if (action.action === "redrive") return redriveWords(action.letter, action.overtaken);
  if (action.action === "try") return tryWords(action.session);
  if ("selection" in action) return groupWords(action);
  if ("agent" in action) return agentWords(action);
  const pause = action.action === "pause";
  if (!("session" in action))
    return pause
      ? {
          title: "Pause everything?",
          text: html`<p>
            No event is sent to the coordinator until someone resumes. Executors get a 202, and events wait in
            the log. Requests that are already under way are finished. Workers begin no turn of agent
            sessions; what runs goes on.
          </p>`,
          fields: REASON,
          button: "Pause everything",
          back: "/",
        }
      : {
          title: "Resume?",
          text: html`<p>
            Events are sent again, in order. If a poison event stopped the relay, it is tried again first.
            Turns of agent sessions begin again.
          </p>`,
          button: "Resume",
          back: "/",
        };
  const { session, parked } = action;
  const back = `/session?${new URLSearchParams({ id: session }).toString()}`;
  return pause
    ? {
        title: `Pause session ${session}?`,
        text: html`<p>
          Its events wait in the log, in order. Other sessions continue. The pause survives restarts.
        </p>`,
        fields: REASON,
        button: "Pause the session",
        back,
      }
    : {
        title: `Resume session ${session}?`,
        text: html`<p>Its first waiting event is tried again, then the others in order.</p>`,
        ...(parked
          ? {
              fields: html`<p class="field check">
                <input type="checkbox" id="skip" name="skip" value="head" />
                <label for="skip">Do not send its first waiting event: make it a dead letter</label>
              </p>`,
            }
          : {}),
        button: "Resume the session",
        back,
      };
}

function tryWords(session: string | undefined): Words {
  return session === undefined
    ? {
        title: "Try now?",
        text: html`<p>
          The coordinator is asked now whether it takes events again, without waiting for the next try.
        </p>`,
        button: "Try now",
        back: "/",
      }
    : {
        title: `Try session ${session} now?`,
        text: html`<p>
          Its first waiting event is sent now, without waiting for the next try, even if the coordinator asked
          for the wait.
        </p>`,
        button: "Try now",
        back: href("/session", { id: session }),
      };
}

function groupWords({
  action,
  selection,
  count,
  overtaken,
}: Extract<Action, { selection: LetterSelection }>): Words {
  const what = html`${counted(count, "dead letter")}${describe(selection)}`;
  const back = href("/dead", { ...selectionParams(selection), upto: undefined });
  return action === "redrive-all"
    ? {
        title: `Redrive ${counted(count, "event")}?`,
        text: html`<p>
            ${what}: the events are put into the log again, those of a session in their order, and the dead
            letters are removed.
          </p>
          ${overtaken > 0 ? html`<p class="warn">In ${counted(overtaken, "session")} later events were delivered already or wait: these go behind them.</p>` : html`<p>No later events of their sessions are in the log.</p>`}`,
        button: "Redrive all",
        back,
      }
    : {
        title: `Drop ${counted(count, "event")} for good?`,
        text: html`<p>${what}: they are deleted and are never delivered. This cannot be undone.</p>`,
        button: "Drop all",
        back,
      };
}

function redriveWords(letter: LetterFacts, overtaken: boolean): Words {
  return {
    title: "Redrive this event?",
    text: html`<dl class="facts">
        <dt>Event</dt>
        <dd class="id">${letter.id}</dd>
        <dt>Session</dt>
        <dd class="id">${letter.session}</dd>
        <dt>Refused with</dt>
        <dd>${letter.status ?? ""} ${letter.reason.slice(0, 300)}</dd>
      </dl>
      <p>
        The event is requeued and sent with its original <code>Idempotency-Key</code>; the dead letter is
        removed.
      </p>
      ${overtaken ? html`<p class="warn">Later events of this session were delivered already or wait: this one goes behind them.</p>` : html`<p>No later event of its session is in the log.</p>`}`,
    button: "Redrive",
    back: `/letter?seq=${letter.seq}`,
  };
}
