import { createHostCheck } from "../../shared/http/host-check.ts";
import { isFromPage, type PageHeaders } from "../../shared/http/web-page.ts";
import { refuse, type Refusal } from "./caller.ts";

/**
 * Refuses requests that a web page could send, except for pages of the listed origins. A browser names the page in `Origin`; a page that has its own
 * name resolved to this machine is recognised by `Host`. `hosts` are further names of this server.
 */
export function createPageGuard(options: {
  listen: string;
  hosts: readonly string[];
  origins: ReadonlySet<string>;
}): (headers: PageHeaders) => Refusal | undefined {
  const { listen, hosts, origins } = options;
  const isOurs = createHostCheck({ listen, hosts, anyName: hosts.length === 0 });
  return (headers) => {
    const { host, origin } = headers;
    if (host !== undefined && !isOurs(host)) return refuse("host_refused", "this host name is not served");
    if (typeof origin === "string" && origins.has(origin)) return undefined;
    if (isFromPage(headers)) return refuse("origin_refused", "requests from web pages are refused");
    return undefined;
  };
}

/** A list of origins as in `https://app.example, http://localhost:5173`. Returns the first text that is none. Pure. */
export function readOrigins(text: string): { ok: true; origins: Set<string> } | { ok: false; wrong: string } {
  const origins = new Set<string>();
  for (const one of listOf(text)) {
    const url = URL.parse(one);
    const isOrigin =
      url !== null &&
      !one.includes("*") &&
      /^https?:$/.test(url.protocol) &&
      one.replace(/\/$/, "") === url.origin;
    if (!isOrigin) return { ok: false, wrong: one };
    origins.add(url.origin);
  }
  return { ok: true, origins };
}

/** The parts of a comma-separated list. Pure. */
export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
