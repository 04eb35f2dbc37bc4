/** The headers in which a browser names the page that a request comes from. */
export type PageHeaders = {
  host?: string | undefined;
  origin?: string | string[] | undefined;
  referer?: string | undefined;
  "sec-fetch-site"?: string | string[] | undefined;
};

/**
 * True if a page in a browser sent the request. Browsers send `Origin` with requests that change something, `Sec-Fetch-Site` with all requests (even an
 * `<img>`'s GET), and older ones send `Referer`. `none` means that a person typed the address. Programs do not send these headers by themselves: Node's
 * `fetch` only sends `Sec-Fetch-Mode`. Pure.
 */
export function isFromPage(headers: PageHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (headers.origin !== undefined || (site !== undefined && site !== "none")) return true;
  return headers.referer !== undefined && !isOfHost(headers.referer, headers.host);
}

/** The same for a port with its own pages, which may call it, also through a proxy that adds TLS. Pure. */
export function isFromForeignPage(headers: PageHeaders): boolean {
  const { host, origin, referer } = headers;
  const site = headers["sec-fetch-site"];
  if (origin !== undefined && !isOriginOf(origin, host)) return true;
  if (site !== undefined && site !== "none" && site !== "same-origin") return true;
  return referer !== undefined && !isOfHost(referer, host);
}

/** True if an origin is this host, with or without TLS. Pure. */
export function isOriginOf(origin: string | string[], host: string | undefined): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

/** True if a referer is on this host, including the port, because another port of this machine belongs to another program. */
function isOfHost(referer: string, host: string | undefined): boolean {
  const url = URL.parse(referer);
  return url !== null && host !== undefined && url.host === host.toLowerCase().replace(/:80$/, "");
}

/** True if the user follows a link to one of our pages. That changes nothing, and the other page cannot read the answer. Pure. */
export function isNavigation(method: string, headers: Record<string, unknown>): boolean {
  return (
    method === "GET" && headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document"
  );
}

/**
 * True if `Host` is a name of this machine. A web page could otherwise resolve its own name to loopback and read our answers. Any port is accepted, so
 * that SSH can forward another one. Pure.
 */
export function isOurHost(host: string | undefined): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i.test(host ?? "");
}
