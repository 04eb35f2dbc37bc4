const INDENT = "  ";
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * JSON laid out for reading, with every number and string as it was written: numbers beyond 2^53 keep their digits. What is no JSON comes
 * back as it is. Pure.
 */
export function prettyJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let out = "";
  let depth = 0;
  let opened = false; // the last token opened an object or array: an empty one stays on its line
  const line = (): string => `\n${INDENT.repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
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
