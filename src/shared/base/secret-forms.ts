/**
 * The forms in which a secret comes back when somebody quotes it: as it is, inside JSON, inside JSON that is a text inside JSON (a foreign
 * error's body), inside a URL, a form or HTML, and in base64. The first is the plain one. Pure.
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

/** Below this many characters the middle of an encoding could be anybody's. */
const LEAST_BASE64 = 8;

/**
 * In the middle of encoded bytes a secret begins at one of three places of a group, and only the characters that its neighbours do not
 * reach are known.
 */
function base64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]);
    const [begin, end] = [Math.ceil((before * 8) / 6), Math.floor((all.length * 8) / 6)];
    if (end - begin < LEAST_BASE64) return [];
    return (["base64", "base64url"] as const).map((alphabet) => all.toString(alphabet).slice(begin, end));
  });
}
