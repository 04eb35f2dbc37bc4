/** Names of an agent's error that say what went wrong, and the most characters of each that the turn's end repeats. */
const TELLING = ["message", "error", "code", "detail"] as const;
const MOST = 2000;

/**
 * What the end of a turn says of its agent's error, so that a client that sees only the end knows as much. Undefined for an error that the agent calls recoverable. Pure.
 */
export function failureOf(error: Record<string, unknown>): Record<string, unknown> | undefined {
  if (error["recoverable"] === true) return undefined;
  const known = TELLING.flatMap((name) => {
    const text = error[name];
    return typeof text === "string" ? [[name, text.slice(0, MOST)]] : [];
  });
  return Object.fromEntries(known) as Record<string, unknown>;
}
