import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeOwnFolder } from "../../shared/base/own-folder.ts";

/** The folders of turns: each has the files of one turn of this process, and is removed with it. */
export type TurnFolders = {
  /** An empty one, 0700. Throws the file system's errors. */
  make(): string;
  /** Removes one with everything in it. Throws the file system's errors, when what could be removed is. */
  remove(folder: string): void;
  /** Removes those of processes that live no more. Returns how many there were; `failed` hears which could not be removed. */
  sweep(failed: (folder: string, error: unknown) => void): number;
};

/** `<pid>-<start>.<random>` */
const NAME = /^(\d+)-(\d+)\.\w+$/;

/** `above`: the folder that holds them; it is made. `pid`: of this process. Throws `data_unusable`'s causes, the file system's errors. */
export function openTurnFolders(above: string, pid: number): TurnFolders {
  makeOwnFolder(above);
  chmodSync(above, 0o700);
  const own = `${pid}-${startOf(pid) ?? 0}`;

  function remove(folder: string): void {
    if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
      return rmSync(folder, { force: true });
    chmodSync(folder, 0o700);
    // the files first: a folder among them that cannot be opened must not keep them
    for (const name of readdirSync(folder)) tryToUnlink(join(folder, name));
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }

  return {
    make: () => mkdtempSync(join(above, `${own}.`)),
    remove,
    sweep(failed) {
      const left = readdirSync(above).filter((name) => !name.startsWith(`${own}.`) && !lives(name));
      for (const name of left)
        try {
          remove(join(above, name));
        } catch (error) {
          failed(join(above, name), error);
        }
      return left.length;
    },
  };
}

/** Writes a file that nobody else can ever read, and that was not there. Throws the file system's errors. */
export function writeOwnFile(file: string, text: string, mode: 0o600 | 0o700 = 0o600): void {
  writeFileSync(file, text, { mode, flag: "wx" });
}

/** A folder for its user only, that was not there. */
export function makeNewFolder(folder: string): void {
  mkdirSync(folder, { mode: 0o700 });
}

function tryToUnlink(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // a folder
  }
}

/** The process that made it lives: one of that number that began at the same time. */
function lives(name: string): boolean {
  const [, pid, start] = NAME.exec(name) ?? [];
  return pid !== undefined && startOf(Number(pid)) === Number(start);
}

/** When a process began, in ticks of the system; undefined if there is none. 0 where the system does not tell. */
function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  } catch {
    return hasProc() || !exists(pid) ? undefined : 0;
  }
}

function hasProc(): boolean {
  return lstatSync("/proc/self/stat", { throwIfNoEntry: false }) !== undefined;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
