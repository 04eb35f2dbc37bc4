/** On the command line of a gateway or relay that `up` keeps: it has less time to stop, and a gateway learns later where the broker is. */
export const UNDER_UP = "--under-up";

/**
 * Ties this process to the supervisor that spawned it with an IPC channel: when the channel closes, the supervisor is gone, even by
 * kill -9, and this process ends as on SIGTERM (with its drain, if it has one). Without a channel nothing happens. Each `main.ts`
 * calls it first, before anything is awaited: a channel that closed earlier leaves no trace.
 */
export function exitWithParent(): void {
  if (!process.connected) return;
  process.channel?.unref();
  process.once("disconnect", () => {
    // The broker died with the supervisor, so a drain may never end: longer than a healthy one takes, shorter than anybody's patience.
    setTimeout(() => process.exit(1), 4000).unref();
    process.kill(process.pid, "SIGTERM");
  });
}

/**
 * Variables that the supervisor sends when it knows them: a gateway takes its port while the broker still starts. Never settles when the supervisor
 * goes before, because this process then ends.
 */
export function toldVariables(): Promise<Record<string, string>> {
  return new Promise((resolve) => {
    process.once("message", (told: Record<string, string>) => resolve(told));
  });
}
