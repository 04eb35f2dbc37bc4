import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";

/**
 * Writes a file whole or not at all: a program that waits for it never sees half of it. Only its user can read it (0600), also in a folder where others may
 * write: the draft is new and its name is not known before. `flush`: it outlives a power loss, too. Throws what the file system does, and leaves nothing.
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
