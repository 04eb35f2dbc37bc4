/**
 * Whether a nats-server configuration makes JetStream sync every write (HONEST-1): `jetstream { sync_interval: always }`. Says false
 * whenever it cannot know: the value is a variable, or an included file that this function does not see could say otherwise. As in the
 * server, the last `jetstream` of the top level counts. Pure.
 */
export function readSyncAlways(configText: string): boolean {
  let always = false;
  for (const [key, value] of parse(configText)) {
    if (key === "jetstream") always = Array.isArray(value) && saysAlways(value);
    if (key === "include") always = false;
  }
  return always;
}

function saysAlways(jetstream: Entry[]): boolean {
  if (jetstream.some(([key]) => key === "include")) return false;
  const sync = jetstream.filter(([key]) => key === "sync" || key === "sync_interval");
  return (
    sync.length > 0 &&
    sync.every(([, value]) => typeof value === "string" && value.toLowerCase() === "always")
  );
}

/** As much of the format as tells keys from values: a map is a list of entries, an array is of no interest. */
type Value = string | Entry[] | undefined;
type Entry = [key: string, value: Value];

// comments (only where a token could begin: `//` is also in URLs) · strings · blocks in parentheses · brackets · bare words
const TOKEN =
  /(?<![^\s{}[\],;])(?:#|\/\/)[^\n]*|"(?:\\.|[^"\\])*"|'[^']*'|\(\s*\n[\s\S]*?\n\s*\)|[{}[\]]|[^\s{}[\],;=:"']+/g;

function parse(text: string): Entry[] {
  const tokens = (text.match(TOKEN) ?? []).filter((token) => !/^(?:#|\/\/)/.test(token));
  let at = 0;
  function value(): Value {
    const token = tokens[at++];
    if (token === "{") return map();
    if (token !== "[") return token === undefined ? undefined : bare(token);
    while (at < tokens.length && tokens[at] !== "]") value();
    at++;
    return undefined;
  }
  function map(): Entry[] {
    const entries: Entry[] = [];
    for (let key = tokens[at++]; key !== undefined && key !== "}"; key = tokens[at++]) {
      entries.push([bare(key).toLowerCase(), value()]);
    }
    return entries;
  }
  return map();
}

function bare(token: string): string {
  return /^["']/.test(token) ? token.slice(1, -1) : token;
}
