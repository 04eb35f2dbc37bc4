import { errorText, isCoded } from "../../shared/base/errors.ts";
import { html } from "./html.ts";
import type { Page } from "./layout.ts";

/** A page that says why something cannot be shown, or was not done. `acted`: it was to be done. Pure. */
export function problemOf(error: unknown, acted = false): Page {
  if (isCoded(error, "nothing_found")) return problem(404, error.message);
  if (isCoded(error, "session_id_invalid") || isCoded(error, "usage")) return problem(400, error.message);
  const done = acted ? " Check whether it was done before you try again. Doing it twice does no harm." : "";
  return problem(503, `The log cannot be ${acted ? "written" : "read"} now: ${errorText(error)}.${done}`);
}

/** Pure. */
export function problem(status: number, text: string): Page {
  const title = status === 404 ? "Not here" : status === 503 ? "Not now" : "This did not work";
  return {
    place: "none",
    title,
    status,
    main: html`<div id="problem">
      <h1>${title}</h1>
      <p>${text}</p>
      <p><a href="/">Overview</a></p>
    </div>`,
  };
}
