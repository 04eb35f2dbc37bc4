/** Headers of one connection (RFC 9110, 7.6.1); `Connection` can name more. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const NONE: ReadonlySet<string> = new Set();

/** The end-to-end headers of a raw list (names and values alternating), in order and with repeated ones. `also` are removed, too. Pure. */
export function endToEnd(raw: readonly string[], also = NONE): string[] {
  const named = namedByConnection(raw);
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]?.toLowerCase() ?? "";
    if (HOP_BY_HOP.has(name) || named.has(name) || also.has(name)) continue;
    kept.push(raw[i] ?? "", raw[i + 1] ?? "");
  }
  return kept;
}

/** The headers that `Connection` names. This runs for every message, and most have no such header, so that no set is made for them. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> {
  let named: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.length !== "connection".length || raw[i]?.toLowerCase() !== "connection") continue;
    named ??= new Set();
    for (const name of (raw[i + 1] ?? "").split(",")) named.add(name.trim().toLowerCase());
  }
  return named ?? NONE;
}
