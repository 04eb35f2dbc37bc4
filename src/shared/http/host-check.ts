const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
const ANY_ADDRESS = new Set(["0.0.0.0", "::", "[::]"]);
/** Most hosts that are remembered. */
const MOST_SEEN = 16;

/**
 * Is `Host` a name of this server? A web page could otherwise have its own name resolved to this machine. Loopback and the address that it listens on are
 * names of it, and `hosts`. A server that listens on all addresses does not know its names: with `anyName` it takes all of them, and a credential must keep
 * pages out.
 */
export function createHostCheck(options: {
  listen: string;
  hosts?: readonly string[];
  anyName: boolean;
}): (host: string) => boolean {
  const { listen, hosts = [], anyName } = options;
  if (anyName && ANY_ADDRESS.has(listen)) return () => true;
  const own = [listen, `[${listen}]`, ...hosts].map((name) => name.toLowerCase());
  const names = new Set([...LOOPBACK_NAMES, ...own]);
  const seen = new Set<string>(); // hosts with their port that passed, so that the usual case is one look-up
  return (host) => {
    if (seen.has(host)) return true;
    if (!names.has(host.replace(/:\d*$/, "").toLowerCase())) return false;
    if (seen.size < MOST_SEEN) seen.add(host);
    return true;
  };
}
