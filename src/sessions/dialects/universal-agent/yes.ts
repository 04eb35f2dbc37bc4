/** Answers that allow what an agent asks leave for. Everything else, also silence, does not. */
const YES: ReadonlySet<string> = new Set(["allow", "yes", "y", "ok", "approve", "approved"]);

/** Does this text allow it? Pure. */
export function isYes(text: string): boolean {
  return YES.has(text.toLowerCase());
}
