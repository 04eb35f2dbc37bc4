import { createHash, timingSafeEqual } from "node:crypto";
import type { HttpErrorCode } from "../base/errors.ts";
import { createHostCheck } from "./host-check.ts";
import { isFromPage, type PageHeaders } from "./web-page.ts";

/** The headers that the guard checks, as Node provides them. */
export type GuardedHeaders = PageHeaders & { authorization?: string | undefined };

/** Returns the refusal, or undefined if the request may pass. */
export type Guard = (headers: GuardedHeaders) => Refused | undefined;

export type Refused = { code: HttpErrorCode; detail: string };

/** True for addresses that only this machine can reach. */
export function isLoopback(address: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(address) || address === "::1" || address === "localhost";
}

/**
 * Refuses requests that a web page could send. A page can reach a port of this machine by its address (then the browser's headers say so) or by a name
 * that resolves to it (then `Host` is foreign). We serve no pages here, so no page may call. If a token is configured, it is required. A gateway that listens
 * on all addresses does not know its names, but then it requires a token, which a page does not have.
 */
export function createGuard(options: { listen: string; token: string | undefined }): Guard {
  const { listen, token } = options;
  const isOurs = createHostCheck({ listen, anyName: token !== undefined });
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`);
  return (headers) => {
    const { host } = headers;
    if (isFromPage(headers)) return { code: "origin_refused", detail: "requests from web pages are refused" };
    if (host !== undefined && !isOurs(host))
      return { code: "host_refused", detail: "this host name is not served" };
    if (expected !== undefined && !timingSafeEqual(expected, digest(headers.authorization ?? ""))) {
      return { code: "inbound_unauthorized", detail: "a bearer token is required" };
    }
    return undefined;
  };
}

/** A digest, which has the same length for every text, so that comparing takes constant time. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
