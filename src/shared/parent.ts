/**
 * Ties this process to the supervisor that spawned it with an IPC channel: when the channel closes, the supervisor is gone, even by
 * kill -9, and this process drains as on SIGTERM. Without a channel nothing happens. Each `main.ts` calls it once its own SIGTERM
 * handler stands.
 */
export function exitWithParent(): void {
  if (process.channel === undefined) return;
  process.channel.unref();
  const leave = (): void => {
    // Its broker died with the supervisor, so a drain may never end. Longer than a healthy one takes, shorter than anybody's patience.
    setTimeout(() => process.exit(1), 4000).unref();
    process.kill(process.pid, "SIGTERM");
  };
  if (process.connected) process.once("disconnect", leave);
  else leave();
}
