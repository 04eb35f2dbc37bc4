import { createHash, timingSafeEqual } from "node:crypto";
import type { HttpErrorCode } from "../base/errors.ts";
import { isFromPage, type PageHeaders } from "./web-page.ts";

/** The headers that the guard looks at, as Node gives them. */
export type GuardedHeaders = PageHeaders & { authorization?: string | undefined };

/** Undefined for a request that may pass. */
export type Guard = (headers: GuardedHeaders) => Refused | undefined;

export type Refused = { code: HttpErrorCode; detail: string };

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
const ANY_ADDRESS = new Set(["0.0.0.0", "::", "[::]"]);

/** True for addresses that only this machine reaches. */
export function isLoopback(address: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(address) || address === "::1" || address === "localhost";
}

/**
 * Refuses what a web page could send: a page can reach a port of this machine, by its address (then the browser says that a page asks)
 * or by a name of its own that resolves to it (then `Host` is foreign). No page is ours here, so none may ask. With a token, demands it. Listening on all addresses the
 * names are unknown, but then a token is configured, which a page does not have.
 */
export function createGuard(options: { listen: string; token: string | undefined }): Guard {
  const { listen, token } = options;
  const anyHost = ANY_ADDRESS.has(listen) && token !== undefined;
  const names = new Set([...LOOPBACK_NAMES, listen.toLowerCase(), `[${listen.toLowerCase()}]`]);
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`);
  const seen = new Set<string>(); // hosts with port that passed: one look-up for the usual case
  return (headers) => {
    const { host } = headers;
    if (isFromPage(headers)) return { code: "origin_refused", detail: "requests from web pages are refused" };
    if (host !== undefined && !anyHost && !seen.has(host)) {
      const name = host.replace(/:\d*$/, "").toLowerCase();
      if (!names.has(name)) return { code: "host_refused", detail: "this host name is not served" };
      if (seen.size < 16) seen.add(host);
    }
    if (expected !== undefined && !timingSafeEqual(expected, digest(headers.authorization ?? ""))) {
      return { code: "inbound_unauthorized", detail: "a bearer token is required" };
    }
    return undefined;
  };
}

/** Of one length for any text, so that comparing takes the same time for all. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
