/** Marks the command line of a process that `up` runs: it makes no data folder, has less time to stop, and a gateway gets the broker's address later. */
export const UNDER_UP = "--under-up";

/**
 * Ties this process to the supervisor that spawned it with an IPC channel. When the channel closes, the supervisor is gone (even after kill -9), and this
 * process ends as on SIGTERM (with its drain, if it has one). Without a channel nothing happens. Each `main.ts` calls this first, before it awaits anything,
 * because a channel that closed earlier cannot be detected.
 */
export function exitWithParent(): void {
  if (!process.connected) return;
  process.channel?.unref();
  process.once("disconnect", () => {
    // The broker died with the supervisor, so a drain may never end. This is longer than a healthy drain, and short enough for a user who waits.
    setTimeout(() => process.exit(1), 4000).unref();
    process.kill(process.pid, "SIGTERM");
  });
}

/**
 * The variables that the supervisor sends once it knows them, because a gateway binds its port while the broker is still starting. Never settles if the
 * supervisor ends before, because this process then ends, too.
 */
export function toldVariables(): Promise<Record<string, string>> {
  return new Promise((resolve) => {
    process.once("message", (told: Record<string, string>) => resolve(told));
  });
}
