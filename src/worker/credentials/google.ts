import { emailIn, lineIn, membersOf, textIn, tokenIn } from "./read.ts";

/** A file of Google's credentials. `application`: a service account, which Google's libraries find by GOOGLE_APPLICATION_CREDENTIALS. */
export type KeptFile = { name: string; text: string; email: string | undefined; application: boolean };

/** Where Google gives new access tokens. */
const TOKEN_URI = "https://oauth2.googleapis.com/token";
/** Its name where no email is known. */
const UNNAMED = "credentials.json";

/** The file that workspace-mcp and Google's libraries read. Undefined if the back end has neither a token of a user nor a service account. `client`: that got the user's token. Pure. */
export function googleFile(value: unknown, client: { id: string; secret: string }): KeptFile | undefined {
  const { accessToken, refreshToken, scopes, expiresAt, token: account, email: of } = membersOf(value);
  const email = emailIn(of);
  const token = tokenIn(accessToken);
  if (token === undefined) {
    const text = textIn(account);
    return text === undefined ? undefined : { name: UNNAMED, text, email, application: true };
  }
  const file = {
    token,
    refresh_token: tokenIn(refreshToken) ?? "",
    token_uri: TOKEN_URI,
    client_id: client.id,
    client_secret: client.secret,
    scopes: Array.isArray(scopes) ? scopes.filter((it) => lineIn(it) !== undefined) : [],
    expiry: (lineIn(expiresAt) ?? "").replace(/Z$/, ""), // Python's form of a time without a zone
  };
  const name = email === undefined ? UNNAMED : `${email}.json`;
  return { name, text: `${JSON.stringify(file, undefined, 2)}\n`, email, application: false };
}
