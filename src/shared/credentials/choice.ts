import { codedError } from "../base/errors.ts";
import type { Loaded } from "../base/config/load.ts";
import { RELAY_SETTINGS } from "../settings/index.ts";

type CredentialName =
  | "apiKey"
  | "apiKeyHeader"
  | "oidcIssuer"
  | "auth0Domain"
  | "oidcClientId"
  | "oidcClientSecret"
  | "oidcAudience"
  | "oidcScope"
  | "oidcAuth"
  | "oidcParameters"
  | "oidcInsecure";

/** The credential settings, as `loadSettings` reads them with the rest of `RELAY_SETTINGS`. */
export type CredentialSettings = Loaded<Pick<typeof RELAY_SETTINGS, CredentialName>>;

export type OidcChoice = {
  kind: "oidc";
  issuer: URL;
  clientId: string;
  clientSecret: string;
  auth: "basic" | "post";
  /** `audience`, `scope` and additional parameters of the token request. */
  parameters: URLSearchParams;
  insecure: boolean;
};
type ApiKeyChoice = { kind: "api_key"; header: string; key: string };
export type CredentialChoice = { kind: "none" } | ApiKeyChoice | OidcChoice;

/** Parameters that the token request sets itself. An additional parameter of the same name would replace them. */
const RESERVED_PARAMETERS = [
  "grant_type",
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
];
/** Headers that cannot carry the key, because it would break the request or be overwritten. */
const RESERVED_HEADERS =
  /^(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*|accept.*|cookie|idempotency-key|traceparent|rr-.*)$/i;

/** Decides which credentials to use by the settings. Throws one `config_invalid` that lists every problem with the variables' names. Pure. */
export function chooseCredentials(values: CredentialSettings["values"]): CredentialChoice {
  const problems: string[] = [];
  const oidc =
    values.oidcIssuer !== undefined || values.auth0Domain !== undefined
      ? oidcChoice(values, problems)
      : undefined;
  if (oidc === undefined) problems.push(...orphans(values));
  const apiKey = values.apiKey === undefined ? undefined : apiKeyChoice(values.apiKey, values, problems);
  if (oidc !== undefined && apiKey !== undefined) {
    problems.push(
      `${name("apiKey")} and ${name(values.oidcIssuer === undefined ? "auth0Domain" : "oidcIssuer")} are both set; choose one`,
    );
  }
  if (problems.length > 0) throw codedError("config_invalid", problems.join("\n"));
  return oidc ?? apiKey ?? { kind: "none" };
}

function oidcChoice(values: CredentialSettings["values"], problems: string[]): OidcChoice {
  const { oidcClientId: clientId = "", oidcClientSecret: clientSecret = "" } = values;
  const by = name(values.oidcIssuer === undefined ? "auth0Domain" : "oidcIssuer");
  if (values.oidcIssuer !== undefined && values.auth0Domain !== undefined) {
    problems.push(`${name("oidcIssuer")} and ${name("auth0Domain")} are both set; choose one`);
  }
  if (clientId === "") problems.push(`${name("oidcClientId")} is missing; ${by} requires it`);
  if (clientSecret === "") problems.push(`${name("oidcClientSecret")} is missing; ${by} requires it`);
  const issuer = issuerUrl(values, problems);
  if (issuer.protocol === "http:" && !values.oidcInsecure) {
    problems.push(`${name("oidcIssuer")} must be https; plain http needs ${name("oidcInsecure")}=true`);
  }
  return {
    kind: "oidc",
    issuer,
    clientId,
    clientSecret,
    auth: values.oidcAuth === "basic" ? "basic" : "post",
    parameters: parametersOf(values, problems),
    insecure: values.oidcInsecure,
  };
}

function issuerUrl(values: CredentialSettings["values"], problems: string[]): URL {
  if (values.oidcIssuer !== undefined) return new URL(values.oidcIssuer);
  const domain = values.auth0Domain ?? "";
  const url = URL.parse(`https://${domain}/`);
  if (url !== null && url.host === domain.toLowerCase()) return url;
  problems.push(`${name("auth0Domain")} must be a host name such as tenant.eu.auth0.com`);
  return new URL("https://invalid.invalid/");
}

function parametersOf(values: CredentialSettings["values"], problems: string[]): URLSearchParams {
  const parameters = new URLSearchParams();
  if (values.oidcAudience !== undefined) parameters.set("audience", values.oidcAudience);
  if (values.oidcScope !== undefined) parameters.set("scope", values.oidcScope);
  const own = new Set([...RESERVED_PARAMETERS, ...parameters.keys()]);
  for (const [key, value] of new URLSearchParams(values.oidcParameters ?? "")) {
    if (key === "" || own.has(key))
      problems.push(`${name("oidcParameters")} must not hold ${JSON.stringify(key)}`);
    else parameters.append(key, value);
  }
  return parameters;
}

function apiKeyChoice(key: string, values: CredentialSettings["values"], problems: string[]): ApiKeyChoice {
  const header = values.apiKeyHeader.toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(header) || RESERVED_HEADERS.test(header)) {
    problems.push(
      `${name("apiKeyHeader")} must name a custom header, not ${JSON.stringify(values.apiKeyHeader)}`,
    );
  }
  const wrong = apiKeyProblem(header, key);
  if (wrong !== undefined) problems.push(`${name("apiKey")} ${wrong}`);
  return { kind: "api_key", header, key };
}

/** The problem with a static key, without quoting it, or undefined. Pure. */
export function apiKeyProblem(header: string, key: string): string | undefined {
  if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(key))
    return "contains characters that are not allowed in a header";
  if (header === "authorization" && /^bearer /i.test(key)) return "must be the key alone, without Bearer";
  return undefined;
}

/** Problems with settings that have no effect without an issuer, because the issuer was forgotten or another variable is meant. */
function orphans(values: CredentialSettings["values"]): string[] {
  const names = ["oidcClientId", "oidcClientSecret", "oidcAudience", "oidcScope", "oidcParameters"] as const;
  return names
    .filter((setting) => values[setting] !== undefined)
    .map(
      (setting) => `${name(setting)} is set, but neither ${name("oidcIssuer")} nor ${name("auth0Domain")} is`,
    );
}

function name(setting: CredentialName): string {
  const { env, ...rest } = RELAY_SETTINGS[setting];
  return "aliases" in rest ? `${env} (${rest.aliases.join(", ")})` : env;
}
