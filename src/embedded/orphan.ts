import { findExecutable } from "./command.ts";

/**
 * How a child is kept from outliving us. A nats-server whose parent was killed with -9 runs on and still holds port and store. `pdeathsig`: the Linux kernel
 * kills it when the parent dies (`setpriv` asks for that and then becomes the server, so the pid stays). `pipe`: a shell reads from a pipe of ours, and
 * kills the server when the pipe ends. The shell prints the server's pid. It is KILL and not TERM, because a server that reads its store, or is stopped, does
 * not heed TERM: one ran on for ten minutes. The store is synced, so that the next start only reads more of it.
 */
export type OrphanGuard = { kind: "pdeathsig"; setpriv: string } | { kind: "pipe" };

/** The guard that this machine offers. */
export function orphanGuard(platform: NodeJS.Platform, path: string | undefined): OrphanGuard {
  if (platform !== "linux") return { kind: "pipe" };
  const setpriv = findExecutable("setpriv", path);
  return setpriv === undefined ? { kind: "pipe" } : { kind: "pdeathsig", setpriv };
}

// Stdin is the pipe. Nothing is ever written to it, so `read` returns when the last writer, our process, is gone. `wait` ends early
// when the trap runs, hence the loop.
const WATCHER = `
exec 3<&0
"$@" </dev/null 3<&- >/dev/null &
server=$!
echo "$server"
trap 'kill -TERM "$server"' TERM INT
{ read -r _ <&3; kill -KILL "$server"; } 2>/dev/null >/dev/null &
watch=$!
exec 3<&-
while wait "$server"; code=$?; kill -0 "$server" 2>/dev/null; do :; done
kill "$watch" 2>/dev/null
exit "$code"
`;

/** Command line that runs `command` under the guard. */
export function guarded(guard: OrphanGuard, command: readonly string[]): [string, ...string[]] {
  switch (guard.kind) {
    case "pdeathsig":
      return [guard.setpriv, "--pdeathsig", "KILL", ...command];
    case "pipe":
      return ["/bin/sh", "-c", WATCHER, "sh", ...command];
  }
}
