import { scanJson } from "../../shared/base/json-scan.ts";

const INDENT = "  ";
/** Levels that are laid out. */
const MOST_LEVELS = 64;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * JSON laid out for reading, with every number and string as it was written: numbers beyond 2^53 keep their digits. What is no JSON comes
 * back as it is, and so does what is nested deeper than a person would read: each level would be indented on every line. More than `most` characters
 * are not laid out. Pure.
 */
export function prettyJson(text: string, most = Infinity): string {
  if (!scanJson(Buffer.from(text), { depth: MOST_LEVELS }).ok) return text;
  let out = "";
  let depth = 0;
  let opened = false; // the last token opened an object or array: an empty one stays on its line
  const line = (): string => `\n${INDENT.repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
    if (out.length > most) break;
    const closes = token === "}" || token === "]";
    if (closes) depth--;
    if (opened !== closes && (opened || closes)) out += line();
    opened = token === "{" || token === "[";
    if (opened) depth++;
    out += token === ":" ? ": " : token;
    if (token === ",") out += line();
  }
  return out;
}
