import { spawn, type ChildProcess } from "node:child_process";

/**
 * Reads the folder of each test file as it begins. When its input ends, our process is gone, and what the last file left running is killed: whatever has its
 * folder on the command line or in the environment. Linux only; elsewhere there is no /proc, and nothing is found.
 */
const WATCHER = `
while read -r next; do folder=$next; done
[ -n "$folder" ] || exit 0
for found in $(grep -lsF -e "$folder" /proc/[0-9]*/cmdline /proc/[0-9]*/environ); do
  process=\${found#/proc/}
  kill -KILL "\${process%/*}" 2>/dev/null
done
rm -rf "$folder"
`;

let watcher: ChildProcess | undefined;

/**
 * Lets nothing of a test file outlive this process, also if it is killed; one watcher serves all files of a process. Returns the watcher's process id, which
 * is no leak of the file.
 */
export function endWithUs(folder: string): number | undefined {
  // a session of its own, or what a terminal's Ctrl-C leaves would have nobody
  watcher ??= spawn("/bin/sh", ["-c", WATCHER], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] },
  });
  watcher.unref();
  watcher.stdin?.on("error", () => undefined); // it is gone, and our tests are none of its business
  watcher.stdin?.write(`${folder}\n`);
  (watcher.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return watcher.pid;
}
