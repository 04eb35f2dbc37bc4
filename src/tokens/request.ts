import { TOKEN_AUDIENCE, TOKEN_SCOPES, type TokenScope } from "../shared/session-log/tokens/session-token.ts";

/** Names of RFC 8693 and RFC 6749. */
export const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const REFRESH = "refresh_token";
const JWT = "urn:ietf:params:oauth:token-type:jwt";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
/** Our own: a secret of `POST /sessions/{id}/join-secrets`. */
const JOIN_SECRET = "urn:runner-relay:token-type:join-secret";

/** Longest token or secret that is read. Tokens of pods have 1 to 2 KiB. */
const MOST_SECRET = 16 * 1024;
/** Most parameters of a form, whose body could hold 16,000. RFC 8693 has 11. */
const MOST_PARAMETERS = 64;

/** What somebody shows to get a token. */
export type Subject = { kind: "pod"; token: string } | { kind: "join" | "refresh"; secret: string };

export type TokenRequest = { kind: "request"; subject: Subject; scopes: readonly TokenScope[] };

/** Names of errors of OAuth 2.0. */
export type OAuthError =
  | "invalid_request"
  | "invalid_grant"
  | "invalid_scope"
  | "invalid_target"
  | "unsupported_grant_type"
  | "temporarily_unavailable";

/** Why a request is not granted. */
export type Denied = { kind: "denied"; error: OAuthError; detail: string };

export function denied(error: OAuthError, detail: string): Denied {
  return { kind: "denied", error, detail };
}

/** Reads the form of a request for a token. Each parameter is there once; unknown ones are ignored, as RFC 6749 wants. Pure. */
export function readRequest(form: URLSearchParams): TokenRequest | Denied {
  if (form.size > MOST_PARAMETERS) return denied("invalid_request", "there are too many parameters");
  if (new Set(form.keys()).size < form.size) return denied("invalid_request", "a parameter is there twice");
  const given = (name: string): string | undefined => form.get(name) || undefined;
  const target = given("audience");
  if (given("resource") !== undefined || (target !== undefined && target !== TOKEN_AUDIENCE))
    return denied("invalid_target", `tokens are for the audience ${TOKEN_AUDIENCE}`);
  if (given("actor_token") !== undefined)
    return denied("invalid_request", "nobody acts for another here: there is no actor_token");
  const wanted = given("requested_token_type") ?? ACCESS_TOKEN;
  if (wanted !== ACCESS_TOKEN && wanted !== JWT)
    return denied("invalid_request", "requested_token_type is an access token or a JWT");
  const subject = subjectOf(given);
  if (subject.kind === "denied") return subject;
  const scopes = scopesOf(given("scope"));
  return scopes === undefined
    ? denied("invalid_scope", `scopes are ${TOKEN_SCOPES.join(" and ")}`)
    : { kind: "request", subject, scopes };
}

function subjectOf(given: (name: string) => string | undefined): Subject | Denied {
  const grant = given("grant_type");
  if (grant === undefined) return denied("invalid_request", "grant_type is missing");
  if (grant === REFRESH) {
    const secret = given("refresh_token");
    return isShort(secret)
      ? { kind: "refresh", secret }
      : denied("invalid_request", "refresh_token is missing or too long");
  }
  if (grant !== EXCHANGE) return denied("unsupported_grant_type", `grant_type is ${EXCHANGE} or ${REFRESH}`);
  const token = given("subject_token");
  if (!isShort(token)) return denied("invalid_request", "subject_token is missing or too long");
  const type = given("subject_token_type");
  if (type === JWT) return { kind: "pod", token };
  if (type === JOIN_SECRET) return { kind: "join", secret: token };
  return denied("invalid_request", `subject_token_type is ${JWT} or ${JOIN_SECRET}`);
}

function isShort(text: string | undefined): text is string {
  return text !== undefined && text.length <= MOST_SECRET;
}

/** All scopes, or those that are named; undefined if one of them does not exist. */
function scopesOf(text: string | undefined): readonly TokenScope[] | undefined {
  if (text === undefined) return TOKEN_SCOPES;
  const words = text.split(" ");
  const scopes = TOKEN_SCOPES.filter((it) => words.includes(it));
  return words.every((word) => TOKEN_SCOPES.some((it) => it === word)) ? scopes : undefined;
}
