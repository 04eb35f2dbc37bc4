/** True if a saved value is a valid port. Pure. */
export function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

/** Parses a saved port. Undefined for anything else. Pure. */
export function portIn(text: string): number | undefined {
  const digits = /^\d{1,5}$/.exec(text.trim())?.[0];
  return digits !== undefined && isPort(Number(digits)) ? Number(digits) : undefined;
}
