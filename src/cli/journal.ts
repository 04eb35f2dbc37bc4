/**
 * True if stdout is systemd's journal, which others may read and which is kept. The service manager names the journal's stream as
 * `device:inode`; comparing it matters because a shell may have inherited the name without writing there. Pure.
 */
export function isJournal(named: string | undefined, stdout: { dev: number; ino: number }): boolean {
  return named === `${stdout.dev}:${stdout.ino}`;
}
