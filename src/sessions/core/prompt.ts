/** What a user message asks an agent for: the newest message of a person in the input of a run, or the text as it is. Pure. */
export function promptOf(payload: string): string {
  if (!payload.trimStart().startsWith("{")) return payload;
  let input: unknown;
  try {
    input = JSON.parse(payload);
  } catch {
    return payload;
  }
  const { messages } = input as { messages?: unknown };
  if (!Array.isArray(messages)) return payload;
  const said = messages.findLast((it: unknown) => isObject(it) && it["role"] === "user") as unknown;
  return isObject(said) && typeof said["content"] === "string" ? said["content"] : payload;
}

function isObject(it: unknown): it is Record<string, unknown> {
  return typeof it === "object" && it !== null;
}
