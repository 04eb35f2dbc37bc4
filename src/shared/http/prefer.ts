/** An executor's preferences (RFC 7240). */
export type Preference = {
  /** `respond-async`. */
  async: boolean;
  /** `wait=N` in milliseconds, at most {@link MAX_WAIT_MS}. */
  waitMs: number | undefined;
};

export const NO_PREFERENCE: Preference = { async: false, waitMs: undefined };

/** Longest possible wait. Proxies and clients seldom keep a request open for longer. */
const MAX_WAIT_MS = 30_000;

/** Most preferences that are read. A header of 16 KiB could have thousands, but no real one does. */
const MAX_PREFERENCES = 16;

/**
 * Parses a `Prefer` header. Invalid preferences are ignored, as the RFC requires. The first of several equal names counts. Pure.
 */
export function readPrefer(header: string | undefined): Preference {
  if (header === undefined) return NO_PREFERENCE;
  let async = false;
  let waitMs: number | undefined;
  for (const part of header.split(",", MAX_PREFERENCES)) {
    const [name = "", value] = (part.split(";", 1)[0] ?? "").split("=").map((s) => s.trim());
    if (name.toLowerCase() === "respond-async" && value === undefined) async = true;
    if (name.toLowerCase() !== "wait" || waitMs !== undefined) continue;
    const seconds = /^"?(\d{1,9})"?$/.exec(value ?? "")?.[1];
    if (seconds !== undefined) waitMs = Math.min(Number(seconds) * 1000, MAX_WAIT_MS);
  }
  return { async, waitMs };
}
