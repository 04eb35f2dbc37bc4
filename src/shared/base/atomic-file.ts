import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";

/**
 * Writes a file atomically, so that a program that waits for it never sees half of it. Only its user can read it (0600), even in a folder where others
 * may write, because the draft is a new file with an unpredictable name. `flush`: the file also survives a power loss. Throws the file system's errors,
 * and leaves no draft behind.
 */
export function replaceFile(file: string, text: string, { flush = false } = {}): void {
  const draft = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush });
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
