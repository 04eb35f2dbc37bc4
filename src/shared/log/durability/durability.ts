/** What may be claimed of a stored event (HONEST-1): `fsync` only where it is known that the broker syncs every write. */
export type Durability = "fsync" | "unverified";

/** True if the monitoring answer `/jsz` is of a server without JetStream, as a hub of leaves is: it keeps no log, and says nothing about one. */
export function keepsNoLog(jsz: unknown): boolean {
  return typeof jsz === "object" && jsz !== null && "disabled" in jsz && jsz.disabled === true;
}

/** True if the monitoring answer `/jsz?config=1` shows it. */
export function readSyncAlwaysOfMonitor(jsz: unknown): boolean {
  if (typeof jsz !== "object" || jsz === null || !("config" in jsz)) return false;
  const { config } = jsz;
  return (
    typeof config === "object" && config !== null && "sync_always" in config && config.sync_always === true
  );
}
