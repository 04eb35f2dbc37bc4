/** The headers by which a browser tells which page a request comes from. */
export type PageHeaders = {
  host?: string | undefined;
  origin?: string | string[] | undefined;
  referer?: string | undefined;
  "sec-fetch-site"?: string | string[] | undefined;
};

/**
 * Does a page in a browser send this? Browsers say so by `Origin` with what changes something, by `Sec-Fetch-Site` with everything, an
 * `<img>`'s GET too, and older ones by `Referer`. `none` is an address that a person typed. No program sends them by itself: `fetch` of
 * Node has `Sec-Fetch-Mode` only. Pure.
 */
export function isFromPage(headers: PageHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (headers.origin !== undefined || (site !== undefined && site !== "none")) return true;
  return headers.referer !== undefined && !isOfHost(headers.referer, headers.host);
}

/** The same for a port that has pages of its own: theirs may ask. Pure. */
export function isFromForeignPage(headers: PageHeaders): boolean {
  const { host, origin, referer } = headers;
  const site = headers["sec-fetch-site"];
  if (origin !== undefined && origin !== `http://${host}`) return true;
  if (site !== undefined && site !== "none" && site !== "same-origin") return true;
  return referer !== undefined && !isOfHost(referer, host);
}

/** A port is part of it: another port of this machine is somebody else. */
function isOfHost(referer: string, host: string | undefined): boolean {
  const url = URL.parse(referer);
  return url !== null && host !== undefined && url.host === host.toLowerCase().replace(/:80$/, "");
}

/** Does somebody follow a link to a page of ours? Nothing is done by that, and no other page gets to read it. Pure. */
export function isNavigation(method: string, headers: Record<string, unknown>): boolean {
  return (
    method === "GET" && headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document"
  );
}

/**
 * A page of the web that resolves its own name to loopback would read what is here: only names of this machine are served. Any port,
 * so that SSH can forward another one. Pure.
 */
export function isOurHost(host: string | undefined): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i.test(host ?? "");
}
