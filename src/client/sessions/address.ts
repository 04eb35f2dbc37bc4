import { GatewayError } from "./error.ts";

/** Longest id that is sent, characters. Turns have at most 128, sessions at most 200 bytes. */
const MOST_CHARACTERS = 256;

/** The server's URL with a slash at its end, so that paths are below it. Throws `url_invalid`; the URL is not quoted, because it may hold a password. */
export function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw new GatewayError("url_invalid", "the URL of the server must begin with http:// or https://");
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "" || parsed.hash !== "")
    throw new GatewayError("url_invalid", "the URL of the server must have no login, query or fragment");
  return parsed.href.endsWith("/") ? parsed.href : `${parsed.href}/`;
}

/** A session, or its id. Where a key with the scope `admin` reaches several sessions of one id, `user_id` says which one is meant. */
export type SessionRef = string | { session_id: string; user_id?: string };

/** Values of a query; those that are undefined are left out. */
type Query = Record<string, string | number | undefined>;

/** Path and query of a session, or of what belongs to it. Throws `id_invalid` for ids that another server could take for another path. */
export function sessionPath(session: SessionRef, rest: readonly string[] = [], query: Query = {}): string {
  const { session_id, user_id }: Exclude<SessionRef, string> =
    typeof session === "string" ? { session_id: session } : session;
  return `${["sessions", ...[session_id, ...rest].map(idOf)].join("/")}${queryOf({ ...query, user_id })}`;
}

function idOf(id: string): string {
  const odd = typeof id !== "string" || id === "" || id === "." || id === ".." || /[/\\]/.test(id);
  if (odd || id.length > MOST_CHARACTERS || !isWellFormed(id))
    throw new GatewayError("id_invalid", "an id is a text without slashes");
  return encodeURIComponent(id);
}

/** Half of a pair of surrogates cannot be encoded. */
function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

/** Query of what is given; nothing if nothing is. */
export function queryOf(values: Query): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
