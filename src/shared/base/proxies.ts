import type { Environment } from "./config/load.ts";

/** Names of this machine's own loopback, as lists of `NO_PROXY` are read by different libraries. */
export const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "localhost", "::1", "[::1]"];

/**
 * `NO_PROXY` and `no_proxy` with these hosts added; what is there stays. Libraries read one or the other, and Node asks anew at each `fetch`. `*`
 * alone already means everything, and means nothing in a list to some. Pure.
 */
export function pastProxies(
  env: Environment,
  hosts: readonly string[],
): Record<"NO_PROXY" | "no_proxy", string> {
  const { NO_PROXY: upper, no_proxy: lower } = env;
  const add = (list: string): string => {
    const there = list.split(/[,\s]+/).filter((one) => one !== "");
    if (there.includes("*")) return list;
    return [...there, ...hosts.filter((host) => !there.includes(host))].join(",");
  };
  return { NO_PROXY: add(upper ?? lower ?? ""), no_proxy: add(lower ?? upper ?? "") };
}

/** The variable whose proxy Node would use for this URL, where `NODE_USE_ENV_PROXY` says that it uses any. Pure. */
export function proxyVariableFor(url: URL, env: Environment): string | undefined {
  const asked = env["NODE_USE_ENV_PROXY"] === "1" || /--use-env-proxy\b/.test(env["NODE_OPTIONS"] ?? "");
  if (
    !asked ||
    LOOPBACK_HOSTS.includes(url.hostname) ||
    isListed(url, env["no_proxy"] ?? env["NO_PROXY"] ?? "")
  )
    return undefined;
  const plain = ["http_proxy", "HTTP_PROXY"];
  const names = url.protocol === "https:" ? ["https_proxy", "HTTPS_PROXY", ...plain] : plain;
  return names.find((name) => (env[name] ?? "") !== "");
}

/** Reads the list as Node does: exact names, `.example.com` and `*.example.com` for all below it, each with a port or without. */
function isListed({ hostname, port, protocol }: URL, list: string): boolean {
  const usedPort = port || (protocol === "https:" ? "443" : "80");
  return list.split(/[,\s]+/).some((entry) => {
    const [, name = entry, onlyPort] = /^(.+[^:]):(\d+)$/.exec(entry) ?? [];
    if (name === "" || (onlyPort !== undefined && onlyPort !== usedPort)) return false;
    const wanted = name.toLowerCase();
    if (wanted === "*") return true;
    return /^[.*]/.test(wanted) ? hostname.endsWith(wanted.replace(/^\*/, "")) : hostname === wanted;
  });
}
