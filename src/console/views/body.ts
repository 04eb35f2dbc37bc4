import { ownCommand } from "../../shared/base/own-command.ts";
import { decodeEnvelope } from "../../shared/log/schema/envelope.ts";
import { errorText } from "../../shared/base/errors.ts";
import { showBytes } from "../../shared/base/show.ts";
import { html, type Html } from "./html.ts";
import { prettyJson } from "./pretty-json.ts";
import { timeOf } from "./words.ts";

/** Characters of a body that are shown: more helps nobody, and the browser would be slow. */
const MOST_SHOWN: number = 128 * 1024;

/** The body of a stored event, from its envelope as it is stored. Pure. */
export function bodyOf(payload: Uint8Array): Html {
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
      ${cut && html`<p class="more">The first ${showBytes(MOST_SHOWN)} are shown; the whole of it: <code>${ownCommand("tail", "--body")}</code> or <code>${ownCommand("dead", "show", "ID")}</code>.</p>`}
    </section>`;
  } catch (error) {
    return html`<section aria-labelledby="body-title">
      <h2 id="body-title">Body</h2>
      <p class="empty bad">It cannot be read: ${errorText(error)}</p>
    </section>`;
  }
}
