import type { JWTVerifyGetKey } from "jose";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { parseJsonWithin } from "../../shared/base/json-scan.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { USER_AGENT } from "../../shared/base/version.ts";
import { isLoopback } from "../../shared/http/guard.ts";

/** Largest answer of an issuer that is read. Its document and its keys have a few KiB. */
const ANSWER = { bytes: 256 * 1024, depth: 16, values: 10_000 };
/** Time limit for one answer. */
const ANSWER_MS = 5000;
/** After a failure the issuer is asked again no sooner than this, so that requests with bad tokens cannot flood it. */
const RETRY_MS = 2000;

/** An issuer that does not answer, or not as it should: no token can be judged meanwhile. */
class IssuerAway extends Error {
  override readonly name = "IssuerAway";
}

/** What is needed to check an issuer's tokens. */
export type Issued = { issuer: string; keyOf: JWTVerifyGetKey };

/**
 * Finds an issuer's keys by its OpenID configuration, and keeps them: for ten minutes, and until a token names a key that is not among them. The
 * returned function throws {@link IssuerAway}.
 */
export function createIssuerKeys(
  issuer: string,
  deps: { fetch: typeof fetch; clock: Clock; log: Logger },
): () => Promise<Issued> {
  const get = createGet(deps);
  let issued: Promise<Issued> | undefined;

  async function discover(): Promise<Issued> {
    const url = `${issuer}/.well-known/openid-configuration`;
    const { issuer: name, jwks_uri: keys } = membersOf(await get(url));
    if (typeof name !== "string" || name.replace(/\/$/, "") !== issuer)
      throw new IssuerAway(`${url} names another issuer`);
    const at = typeof keys === "string" ? URL.parse(keys) : null;
    if (at === null || !isPrivate(at)) throw new IssuerAway(`${url} names no keys at an https address`);
    const { createRemoteJWKSet, customFetch } = await import("jose");
    const keyOf = createRemoteJWKSet(at, { timeoutDuration: ANSWER_MS, [customFetch]: keysAt });
    return { issuer: name, keyOf };
  }

  async function keysAt(url: string): Promise<Response> {
    try {
      return Response.json(await get(url));
    } catch (error) {
      issued = undefined; // the issuer may have moved them
      throw error;
    }
  }

  return () => {
    issued ??= discover().catch((error: unknown) => {
      issued = undefined;
      throw error;
    });
    return issued;
  };
}

/** Gets a JSON document. An address that just failed fails again at once. Throws {@link IssuerAway}. */
function createGet(deps: {
  fetch: typeof fetch;
  clock: Clock;
  log: Logger;
}): (url: string) => Promise<unknown> {
  const { clock, log } = deps;
  const failed = new Map<string, { error: IssuerAway; at: number }>();
  return async (url) => {
    const last = failed.get(url);
    if (last !== undefined && clock.now() - last.at < RETRY_MS) throw last.error;
    try {
      const it = await fetchJson(url, deps.fetch);
      if (failed.delete(url)) log.info({ url }, "issuer answers again");
      return it;
    } catch (cause) {
      const error = new IssuerAway(`${url}: ${errorText(cause)}`, { cause });
      if (last === undefined) log.warn({ url, reason: errorText(cause) }, "issuer does not answer");
      failed.set(url, { error, at: clock.now() });
      throw error;
    }
  };
}

/** True for an address whose answers nobody on the way can change. Pure. */
export function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname.replace(/^\[|\]$/g, "")));
}

/** Redirects are not followed, so that the issuer's address is where the keys come from. */
async function fetchJson(url: string, fetchNow: typeof fetch): Promise<unknown> {
  const response = await fetchNow(url, {
    redirect: "error",
    headers: { accept: "application/json", "user-agent": USER_AGENT },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER.bytes) throw new Error(`the answer is larger than ${ANSWER.bytes} bytes`);
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  const it = parseJsonWithin(Buffer.concat(chunks), ANSWER);
  if (it === undefined) throw new Error("the answer is not JSON");
  return it;
}

function membersOf(it: unknown): Record<string, unknown> {
  return typeof it === "object" && it !== null ? (it as Record<string, unknown>) : {};
}
