import { stripVTControlCharacters } from "node:util";

// What differs between two runs, in this order. Everything else must be as it is shown.
const RULES: [RegExp, string][] = [
  [/\brr\.ses\.[\w-]{22}(?=\.)/g, "rr.ses.<session>"],
  [/\b(in\.[a-z]+)\.[\w-]{22}(?![\w-])/g, "$1.<id>"], // what a client wants, under a hash of its own id
  [/\b[a-z0-9]{16,}(?:-[a-z0-9]+)?\b/g, "<id>"], // events, epochs, processes
  [/\([\w.-]+@[\w.-]+\)/g, "(<who>)"],
  [/\brun [0-9a-f]{8}\b/g, "run <id>"],
  [/\b(--resume|replay\.|replay) [0-9a-f]{8}\b/g, "$1 <id>"],
  // of an HTTP `Date:` header, in all three forms that RFC 9110 5.6.7 has readers accept
  [/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b/g, "<date>"],
  [/\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT\b/g, "<date>"],
  [/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\b/g, "<date>"],
  [
    /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?Z\b| ?[+-]\d\d:?\d\d(?: (?:[A-Z]{2,5}|[+-]\d{2,4})\b)?| UTC\b)?)?/g,
    "<time>",
  ],
  [/\b\d\d:\d\d:\d\d(?:\.\d+)?Z?\b/g, "<time>"],
  [/\b127\.0\.0\.1:\d+\b/g, "127.0.0.1:<port>"],
  [/\b\d+(?:\.\d+)? (?:B|[KMGT]iB)\b/g, "<size>"],
  [/\b\d+(?:\.\d+)? %/g, "<n> %"],
  [/\b\d+(?:\.\d+)?\/s\b/g, "<n>/s"],
  [/\b(?:\d+(?:\.\d+)?(?:y|d|h|m|s|ms|µs)(?: |(?=\d)|\b)){1,5}/g, "<age> "],
  [/\b\d+(?:\.\d+)? (?:s|ms|seconds)\b/g, "<age>"],
  [/"seconds": \d+(?:\.\d+)?/g, '"seconds": <n>'], // a whole one has no fraction
  [/\b\d+\.\d+(?:\.\d+)?\b/g, "<n>"],
  [/\brequeued as sequence \d+/g, "requeued as sequence <seq>"], // what the `nats` CLI put there before, where it is
  [/─+/g, "─"],
  [/[ \t]+/g, " "],
  [/ +$/gm, ""],
];

/** Output in the form in which two runs are compared. Headers of a NATS message have no order. Pure. */
function normal(text: string): string {
  let plain = stripVTControlCharacters(text).replaceAll("\r", "");
  for (const [volatile, instead] of RULES) plain = plain.replaceAll(volatile, instead);
  return plain.replaceAll(
    /(?:^ ?(?:Nats|Rr|Content)-[\w-]+: .*\n)+/gm,
    (headers) =>
      `${headers
        .trimEnd()
        .split("\n")
        .map((line) => line.trim())
        .sort()
        .join("\n")}\n`,
  );
}

/** Whether real output is what is shown; a line `…` stands for any lines. Pure. */
export function isShown(shown: string, real: string): boolean {
  const wanted = normal(shown).split(/^…\n/m);
  const found = normal(real);
  if (wanted.length === 1) return found === wanted[0];
  let at = 0;
  for (const [i, part] of wanted.entries()) {
    if (i === 0 && !found.startsWith(part)) return false;
    const place = i === wanted.length - 1 ? found.length - part.length : found.indexOf(part, at);
    if (place < at || !found.startsWith(part, place)) return false;
    at = place + part.length;
  }
  return true;
}
