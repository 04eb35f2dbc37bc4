import type { Environment } from "./config/load.ts";

/** The names of this machine's loopback, in the forms that different libraries expect in `NO_PROXY`. */
export const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "localhost", "::1", "[::1]"];

/**
 * Adds hosts to `NO_PROXY` and `no_proxy`, because libraries read one or the other, and Node reads it at each `fetch`. A `*` alone already means
 * everything and is left as it is, because some libraries ignore it in a list. Pure.
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

/** The variable with the proxy that Node would use for this URL, if `NODE_USE_ENV_PROXY` enables proxies. Pure. */
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

/** Parses the list as Node does: exact names, and `.example.com` or `*.example.com` for all subdomains, each with or without a port. */
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
