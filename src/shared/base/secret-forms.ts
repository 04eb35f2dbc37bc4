/**
 * The forms in which a quoted secret can come back: plain, in JSON, in JSON inside a JSON text (the body of a foreign error), in a URL, a form or HTML,
 * and in base64. The plain form is the first one. Pure.
 */
export function formsOf(value: string): string[] {
  const escaped = JSON.stringify(value).slice(1, -1);
  const url = encodeURIComponent(value.toWellFormed());
  const forms = [
    value,
    escaped,
    escaped.replaceAll("/", String.raw`\/`),
    JSON.stringify(escaped).slice(1, -1),
    url,
    url.replaceAll("%20", "+"),
    url.replaceAll(/%[\dA-F]{2}/g, (code) => code.toLowerCase()),
    html(value),
    ...base64(Buffer.from(value)),
  ];
  return [...new Set(forms)];
}

function html(value: string): string {
  const signs: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return value.replaceAll(/[&<>"']/g, (sign) => signs[sign] ?? sign);
}

/** With fewer characters, the middle of an encoded text could match by chance. */
const LEAST_BASE64 = 8;

/**
 * A secret in the middle of base64-encoded bytes begins at one of three positions in a group, and only the characters that do not depend on its
 * neighbours are known.
 */
function base64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]);
    const [begin, end] = [Math.ceil((before * 8) / 6), Math.floor((all.length * 8) / 6)];
    if (end - begin < LEAST_BASE64) return [];
    return (["base64", "base64url"] as const).map((alphabet) => all.toString(alphabet).slice(begin, end));
  });
}
