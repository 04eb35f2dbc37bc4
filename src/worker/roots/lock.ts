import { closeSync, constants, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { parseJsonWithin, QUESTION } from "../../shared/base/json-scan.ts";

/** Who works in a folder. */
export type Holder = { session: string; epoch: number; worker: string };

export type Locked =
  /** `unlock` removes the lock if it is still ours. */
  { kind: "locked"; unlock: () => void } | { kind: "busy"; by: string };

export type LockDeps = {
  /** Does a worker own this session now? One that nobody owns left its lock when its worker died. */
  isOwned(session: string): Promise<boolean>;
  /** Does something while no other process replaces this lock. Undefined if another one does. */
  alone<T>(folder: string, work: () => T): Promise<T | undefined>;
};

/** In the folder itself, so that people see who works there. */
const LOCK = ".runner-relay.lock";

/**
 * Takes the folder for a session's turn. A lock of the same session is from an earlier term, whose owner has stopped. One of another session counts for as
 * long as somebody owns that. Throws the file system's errors.
 */
export async function lockFolder(deps: LockDeps, folder: string, holder: Holder): Promise<Locked> {
  const file = join(folder, LOCK);
  const text = `${JSON.stringify(holder)}\n`;
  const locked: Locked = { kind: "locked", unlock: () => unlock(file, text) };
  if (create(file, text)) return locked;
  const found = read(file);
  const { session = "" } = holderIn(found) ?? {};
  if (session === holder.session) {
    replaceFile(file, text);
    return locked;
  }
  if (session !== "" && (await deps.isOwned(session))) return { kind: "busy", by: session };
  const taken = await deps.alone(folder, () => {
    if (read(file) !== found) return false; // another session was quicker
    replaceFile(file, text);
    return true;
  });
  return taken === true ? locked : { kind: "busy", by: session };
}

/** Makes the lock. False if there is one: the file system decides between two at once. */
function create(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function unlock(file: string, text: string): void {
  try {
    if (read(file) === text) rmSync(file, { force: true });
  } catch {
    // a folder that is gone or cannot be written any more: what stays is replaced by the next turn
  }
}

/** What is in a lock; empty for what is none of ours. An agent may have put anything in its place. */
function read(file: string): string {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return "";
  }
  try {
    const stat = fstatSync(handle);
    return stat.isFile() && stat.size <= QUESTION.bytes ? readFileSync(handle, "utf8") : "";
  } finally {
    closeSync(handle);
  }
}

function holderIn(text: string): { session: string } | undefined {
  const value = parseJsonWithin(Buffer.from(text), QUESTION);
  if (typeof value !== "object" || value === null || !("session" in value)) return undefined;
  return typeof value.session === "string" ? { session: value.session } : undefined;
}
