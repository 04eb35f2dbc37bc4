/**
 * True where stdout is systemd's journal, which others may read and which is kept: the service manager names its stream as
 * `device:inode`, and a shell may have inherited that name without writing there. Pure.
 */
export function isJournal(named: string | undefined, stdout: { dev: number; ino: number }): boolean {
  return named === `${stdout.dev}:${stdout.ino}`;
}
