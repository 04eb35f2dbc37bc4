/** Whether something that was kept is a port to come back on. Pure. */
export function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

/** The port that a kept text holds; undefined for anything else. Pure. */
export function portIn(text: string): number | undefined {
  const digits = /^\d{1,5}$/.exec(text.trim())?.[0];
  return digits !== undefined && isPort(Number(digits)) ? Number(digits) : undefined;
}
