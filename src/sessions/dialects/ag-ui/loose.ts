/** Members by the names that AG-UI has for them, without nulls, whichever way their sender writes them. What a value holds deeper down stays as it is. Pure. */
export function camel(data: unknown): Record<string, unknown> {
  if (!isObject(data)) return {};
  const named = Object.entries(data)
    .filter(([name, value]) => value !== null && name !== "__proto__")
    .map(([name, value]) => [camelName(name), value] as const);
  return Object.fromEntries(named);
}

function camelName(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}

/** What a message says: a text, the texts of its parts, or anything else as JSON. Pure. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (content === undefined || content === null) return "";
  if (!Array.isArray(content)) return JSON.stringify(content);
  const parts: unknown[] = content;
  return parts
    .map((part) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("");
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
