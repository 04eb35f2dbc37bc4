import { html } from "./html.ts";

/** Where a token is sent by hand. */
export const ENTRANCE = "/enter";

/** The page that asks for the token. It shows nothing of the log, because anybody may see it. Pure. */
export function askToken(wrong: boolean): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Token needed · runner-relay</title>
        <link rel="icon" href="/page/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/page/style.css" />
      </head>
      <body>
        <main id="main">
          <section id="ask" class="confirm">
            <h1>This page needs its token</h1>
            ${wrong && html`<p class="notice bad" role="alert">That is not the token of this page.</p>`}
            <p>
              <code>up</code> prints an address that lets you in when it is ready. So does
              <code>runner-relay page</code> with the same <code>--data</code>, on the machine of the console
              and as its user.
            </p>
            <form method="post" action="${ENTRANCE}">
              <p class="field">
                <label for="token">Token</label>
                <input
                  type="password"
                  id="token"
                  name="token"
                  required
                  autocomplete="off"
                  autocapitalize="none"
                  spellcheck="false"
                />
              </p>
              <p><button class="button main">Open</button></p>
            </form>
            <p class="quiet">
              A link in another page brought you here, and you are let in already?
              <a href="/">Open the page</a>.
            </p>
          </section>
        </main>
      </body>
    </html> `.text;
}
