import { isOriginOf } from "../web-page.ts";

/**
 * For every answer of the admin port. No script, style, image or form from elsewhere; in no frame; kept by no cache. With
 * `no-referrer` a browser would send `Origin: null` with our own forms, so it is `same-origin`.
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

/** The headers that say where a request comes from. */
export type RequestOrigin = {
  host?: string | undefined;
  origin?: string | undefined;
  "sec-fetch-site"?: string | undefined;
};

/** Does a request that changes something come from our own page? A program that is no browser says nothing of it; it needs the token all the same. Pure. */
export function isOwnPage(headers: RequestOrigin): boolean {
  const { host, origin } = headers;
  const site = headers["sec-fetch-site"];
  if (origin !== undefined && !isOriginOf(origin, host)) return false;
  return site === undefined || site === "same-origin";
}
