/** A credential as it is used: whatever is missing, or has another form than it must have, is undefined. */
export type Text = string | undefined;

/** Members of an object of the back end; none of anything else. Pure. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** Longest value that becomes a variable: Linux takes 128 KiB with its name. */
const VALUE_CHARS: number = 64 * 1024;

/** A token: one word, as headers, lines of git's protocol and variables hold it. Line ends around it, which files of secrets often have, are left out. Pure. */
export function tokenIn(value: unknown): Text {
  const token = typeof value === "string" ? value.trim() : "";
  return /^[\x21-\x7e]{1,16384}$/.test(token) ? token : undefined;
}

/** A text of one line for a variable. Pure. */
export function lineIn(value: unknown): Text {
  return typeof value === "string" && value.length <= VALUE_CHARS && /^[^\x00-\x1f\x7f]+$/.test(value)
    ? value
    : undefined;
}

/** The text of a file. Pure. */
export function textIn(value: unknown): Text {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An email that is also a file's name, as Google's programs expect it. Pure. */
export function emailIn(value: unknown): Text {
  const email =
    typeof value === "string" && /^[A-Za-z0-9_+-][\w.+-]{0,127}@[A-Za-z0-9.-]{1,120}$/.test(value);
  return email && value !== "user@example.com" ? value : undefined; // the back end's word for none
}

/** The host of an https URL as git names it, in lower case, with its port if that is not 443. Undefined for any other URL. Pure. */
export function hostIn(value: unknown): Text {
  if (typeof value !== "string" || !URL.canParse(value)) return undefined;
  const { protocol, host, username, password } = new URL(value);
  const plain = protocol === "https:" && username === "" && password === "";
  return plain && /^[a-z0-9.-]+(?::\d+)?$/.test(host) && !/\.(?::|$)/.test(host) ? host : undefined;
}

/** When it expires, milliseconds since 1970. Pure. */
export function timeIn(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
