import {
  allowInsecureRequests,
  clientCredentialsGrant,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  customFetch,
  discovery,
  type ClientAuth,
  type CustomFetch,
  type ServerMetadata,
} from "openid-client";
import { errorText } from "../base/errors.ts";
import { scanJson, type JsonLimits } from "../base/json-scan.ts";
import type { SecretRegistry } from "../base/logger.ts";
import { USER_AGENT } from "../base/version.ts";
import type { OidcChoice } from "./choice.ts";
import { failureOf, type HttpOutcome } from "./failure.ts";
import type { Issuer, TokenAnswer } from "./attempt.ts";
import { tokenMembers } from "./token-answer.ts";

/** Largest answer that is read. A token or a discovery document has a few KiB and up to a hundred values. */
const MAX_ANSWER_BYTES: number = 256 * 1024;
const LIMITS: JsonLimits = { depth: 32, values: 10_000 };

type Step = "discovery" | "token";

/**
 * Calls the issuer over HTTP with openid-client. Discovery is done once, and again after any failure, because the issuer may have moved its endpoints.
 * All foreign errors end here: they may quote bodies and credentials, so none is passed on. `failure.ts` makes a code and a reason from the answers on
 * the wire.
 */
export function createIssuer(
  choice: OidcChoice,
  deps: { fetch: typeof fetch; secrets: SecretRegistry },
): Issuer {
  let metadata: Readonly<ServerMetadata> | undefined;

  async function discover(fetchOnce: CustomFetch): Promise<Readonly<ServerMetadata>> {
    const options = {
      [customFetch]: fetchOnce,
      ...(choice.insecure ? { execute: [allowInsecureRequests] } : {}),
    };
    try {
      return (
        await discovery(choice.issuer, choice.clientId, undefined, undefined, options)
      ).serverMetadata();
    } catch (error) {
      // settings lose their trailing slash, but the names of some issuers end with one (authentik, Auth0 with a path)
      if (!isIssuerMismatch(error) || choice.issuer.pathname.endsWith("/")) throw error;
      const slashed = new URL(`${choice.issuer.href}/`);
      return (await discovery(slashed, choice.clientId, undefined, undefined, options)).serverMetadata();
    }
  }

  async function requestToken(clientSecret: string, signal: AbortSignal): Promise<TokenAnswer> {
    const seen: { outcome?: HttpOutcome } = {};
    const at = { step: "discovery" as Step, issuer: choice.issuer };
    const fetchOnce = recordingFetch(deps.fetch, signal, at, seen);
    try {
      metadata ??= await discover(fetchOnce);
      at.step = "token";
      delete seen.outcome;
      const config = new Configuration(metadata, choice.clientId, undefined, clientAuth(clientSecret));
      config[customFetch] = fetchOnce;
      if (choice.insecure) allowInsecureRequests(config);
      const {
        access_token: accessToken,
        expires_in: ttl,
        token_type: type,
      } = await clientCredentialsGrant(config, choice.parameters);
      if (type !== "bearer" || !/^[\x21-\x7e]+$/.test(accessToken)) {
        throw new Error("the access token cannot be sent as a bearer token");
      }
      return { kind: "token", accessToken, ...(ttl === undefined ? {} : { ttlMs: ttl * 1000 }) };
    } catch (error) {
      metadata = undefined;
      return failureOf(at, seen.outcome, messageOf(error), (text) => deps.secrets.hide(text));
    }
  }

  function clientAuth(clientSecret: string): ClientAuth {
    const authenticate = (choice.auth === "basic" ? ClientSecretBasic : ClientSecretPost)(clientSecret);
    return (server, client, body, headers) => {
      authenticate(server, client, body, headers);
      // the forms in which the secret is sent, in case the issuer quotes them
      const basic = headers.get("authorization");
      if (basic !== null) deps.secrets.add(basic.slice("Basic ".length));
      deps.secrets.add(new URLSearchParams({ s: clientSecret }).toString().slice("s=".length));
    };
  }

  return { requestToken };
}

/** openid-client's `fetch` for one attempt. It records the issuer's answer in `seen`, and passes only the needed members of a token to the library. */
function recordingFetch(
  fetchNow: typeof fetch,
  signal: AbortSignal,
  at: { step: Step },
  seen: { outcome?: HttpOutcome },
): CustomFetch {
  return async (url, options) => {
    delete seen.outcome;
    const named = { ...options.headers, "user-agent": USER_AGENT };
    const both = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
    try {
      const response = await fetchNow(url, {
        ...options,
        headers: named,
        body: options.body ?? null,
        signal: both,
      });
      const body = await readBounded(response);
      const scan = scanJson(Buffer.from(body), LIMITS);
      if (!scan.ok && (scan.problem === "depth" || scan.problem === "values"))
        throw new Error("the answer holds too many values");
      seen.outcome = { kind: "answered", status: response.status, headers: response.headers, body };
      const { status, headers } = response;
      const members = at.step === "token" && response.ok ? tokenMembers(body) : undefined;
      if (members !== undefined) return Response.json(members); // accepts any 2xx and any JSON type, without headers that the library rejects
      return new Response(body === "" ? null : body, { status, headers });
    } catch (error) {
      seen.outcome ??= { kind: "unreachable", text: errorText(error) };
      throw error;
    }
  };
}

/**
 * The constant text of openid-client, and the more exact one of the library below it. Deeper causes are left out, because they contain bodies or parts
 * of invalid ones.
 */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { cause } = error;
  const exact =
    cause instanceof Error && cause.name === "OperationProcessingError" ? `: ${cause.message}` : "";
  return `${error.message}${exact}`;
}

function isIssuerMismatch(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED";
}

async function readBounded(response: Response): Promise<string> {
  let text = "";
  let bytes = 0;
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
