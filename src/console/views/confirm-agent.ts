import type { Words } from "./confirm-words.ts";
import { html, type Html } from "./html.ts";
import { href } from "./layout.ts";
import { prettyJson } from "./pretty-json.ts";

/** What is done to an agent session. */
export type AgentAction = { agent: { name: string; id: string; user: string } } & (
  | { action: "allow" | "deny"; question: { request: string; data: Uint8Array } }
  | { action: "stop"; turn: string }
);

/** Characters of a question that are shown. */
const MOST: number = 8 * 1024;

/** The question before an agent's question is answered, or its turn stopped. Pure. */
export function agentWords(action: AgentAction): Words {
  const { name, id, user } = action.agent;
  const back = href("/agent", { name });
  const whose = html`<p>Session <span class="id">${id}</span> of ${user}.</p>`;
  if (action.action === "stop")
    return {
      title: "Stop this turn?",
      text: html`${whose}
        <p>
          Its agent is asked to stop, and is ended after 5 s if it does not. Turns that wait run after it.
        </p>`,
      fields: reason("Why (the session's watchers will see it)"),
      button: "Stop the turn",
      back,
    };
  const text = new TextDecoder().decode(action.question.data.subarray(0, 4 * MOST));
  const asked = html`${whose}
    <pre class="body" tabindex="0" role="region" aria-label="The question">
${prettyJson(text, MOST).slice(0, MOST)}</pre>`;
  return action.action === "allow"
    ? {
        title: "Allow this?",
        text: html`${asked}
          <p class="warn">The agent then does it, as the system user of its worker.</p>`,
        button: "Allow",
        back,
      }
    : {
        title: "Deny this?",
        text: html`${asked}
          <p>The agent learns that it may not, and goes on.</p>`,
        fields: reason("Why (the agent sees this)"),
        button: "Deny",
        back,
      };
}

function reason(label: string): Html {
  return html`<p class="field">
    <label for="why">${label}</label><input id="why" name="text" maxlength="300" autocomplete="off" />
  </p>`;
}
