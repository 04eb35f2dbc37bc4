/** What may be claimed of a stored event (HONEST-1): `fsync` only where it is known that the broker syncs every write. */
export type Durability = "fsync" | "unverified";

/**
 * True if a nats-server configuration has `sync_interval: always` in its `jetstream` block. Reads what the server's own
 * format allows (`:`, `=` or nothing between key and value, quotes, comments, one line or many); false when in doubt. Pure.
 */
export function readSyncAlways(config: string): boolean {
  const tokens = tokensOf(config);
  const path: string[] = [];
  let found = false;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? "";
    if (token === "}") path.pop();
    else if (token === "{") path.push((tokens[i - 1] ?? "").toLowerCase());
    else if (path.length === 1 && path[0] === "jetstream" && /^sync(?:_interval)?$/i.test(token)) {
      found = tokens[i + 1]?.toLowerCase() === "always"; // the last one counts, as in the server
    }
  }
  return found;
}

/** Words and braces, without comments, quotes and separators. */
function tokensOf(config: string): string[] {
  const parts = config.matchAll(/(?:#|(?<![:\w])\/\/)[^\n]*|"([^"]*)"|'([^']*)'|([{}])|([^\s{}:=;,"'#]+)/g);
  return [...parts]
    .map(([, double, single, brace, word]) => double ?? single ?? brace ?? word)
    .filter((token) => token !== undefined);
}

/** True if the monitoring answer `/jsz?config=1` says so. */
export function readSyncAlwaysOfMonitor(jsz: unknown): boolean {
  if (typeof jsz !== "object" || jsz === null || !("config" in jsz)) return false;
  const { config } = jsz;
  return (
    typeof config === "object" && config !== null && "sync_always" in config && config.sync_always === true
  );
}
