/** Most servers in a row that decode a path once each. No real way to the coordinator has more. */
const MAX_DECODES = 4;
/** Longest unusual path that is examined; ids have 200 bytes. */
const MAX_LENGTH = 2048;
/** Most readings of one path. Ordinary unusual paths have a handful. */
const MAX_READINGS = 256;

/** A path as some server may read it. `climbed`: dot segments led above its root, and the path there is not known. */
export type PathReading = { segments: string[]; climbed: boolean };

/** True if every server reads the path the same way: it has only letters, digits and characters that no server decodes, splits at or resolves. Pure. */
export function isPlain(path: string): boolean {
  return !/[%\\;]|\/\/|(?:^|\/)\.{1,2}(?:\/|$)|[^\u0021-\u007e]/.test(path);
}

type State = { text: string; decodes: number; climbed: boolean };

/**
 * All readings of a path by servers on the way to the coordinator. They may, in any order, undo percent-encoding (all of it, or only of characters
 * that need none), resolve dot segments (RFC 3986, 5.2.4), merge slashes, take `\` for `/`, drop parameters (`;…`), and end the path at a decoded
 * `?`, `#` or NUL. Undefined if there are too many readings. Pure.
 */
export function readingsOf(path: string): PathReading[] | undefined {
  if (path.length > MAX_LENGTH) return undefined;
  const states: State[] = [{ text: path, decodes: 0, climbed: false }];
  const seen = new Set<string>();
  const readings: PathReading[] = [];
  for (let state = states.pop(); state !== undefined; state = states.pop()) {
    const { text, decodes, climbed } = state;
    const key = `${decodes}${climbed} ${text}`;
    if (seen.has(key)) continue;
    if (seen.size === MAX_READINGS) return undefined;
    seen.add(key);
    readings.push({ segments: text.split("/").filter((segment) => segment !== ""), climbed });
    const decoded = decodedOnce(text);
    if (decoded !== text) {
      if (decodes === MAX_DECODES) return undefined;
      states.push({ text: decoded, decodes: decodes + 1, climbed });
    }
    const resolved = withoutDots(text);
    states.push(
      { text: resolved.text, decodes, climbed: climbed || resolved.climbed },
      { text: withUnreserved(text), decodes, climbed },
      { text: text.replaceAll(/\/{2,}/g, "/"), decodes, climbed },
      { text: text.replaceAll("\\", "/"), decodes, climbed },
      { text: text.replaceAll(/;[^/]*/g, ""), decodes, climbed },
      { text: text.replace(/[?#\u0000].*$/s, ""), decodes, climbed },
    );
  }
  return readings;
}

/** Undoes percent-encoding. Bytes outside ASCII are left encoded, because no route name has any. */
function decodedOnce(text: string): string {
  return text.replaceAll(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Decodes only letters, digits and `-._~`, which no path needs to encode (RFC 3986, 6.2.2.2): `%2E` is decoded, `%2F` is not. */
function withUnreserved(text: string): string {
  return text.replaceAll(/%[2-7][0-9a-f]/gi, (code) => {
    const sign = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return /[\w.~-]/.test(sign) ? sign : code;
  });
}

/** Resolves dot segments. An empty segment counts as one: `/a//..` becomes `/a/`, but after merging slashes it becomes `/`. */
function withoutDots(text: string): { text: string; climbed: boolean } {
  const kept: string[] = [];
  let climbed = false;
  for (const segment of text.split("/").slice(text.startsWith("/") ? 1 : 0)) {
    if (segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.pop() === undefined) climbed = true;
  }
  return { text: `/${kept.join("/")}`, climbed };
}
