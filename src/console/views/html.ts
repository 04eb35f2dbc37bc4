/** Markup that needs no escaping any more. Only this file makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes: texts and numbers are escaped, `undefined` and `false` are nothing. */
export type Part = Html | string | number | undefined | false | readonly Part[];

/**
 * Markup from a template: everything that is put in is escaped, and characters that could fool a reader are made visible. Session ids,
 * reasons and bodies contain anything that executors sent. Attribute values are always quoted in our templates. Pure.
 */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  let text = "";
  for (const [i, string] of strings.entries()) {
    text += string;
    if (i < parts.length) text += render(parts[i]);
  }
  return new Html(text);
}

/** A text that comes back as it is: values of form fields. Escaped, but nothing is made visible. */
export function exact(text: string): Html {
  return new Html(escape(text));
}

function render(part: Part): string {
  if (part === undefined || part === false) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(render).join("");
  return escape(visible(String(part)));
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

/** Everything but line feed and tab that has no shape of its own, or changes the direction of what follows. */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

/** Terminal escapes, controls and marks of direction as something to see: `␛` for ESC, `⟨U+202E⟩` for what has no picture. Pure. */
export function visible(text: string): string {
  return text.replaceAll(HIDDEN, (char) => {
    const code = char.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return "␡";
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}
