import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codedError, errorText } from "../shared/base/errors.ts";
import { makeOwnFolder } from "../shared/base/own-folder.ts";
import { killMarked } from "./kill.ts";

/** Which programs of agents run, as empty files: what a worker and its guard leave behind that were killed together is ended by the next worker. */
export type PidFiles = {
  /** Remembers a program until the returned function is called. Throws the file system's errors. */
  note(pid: number, mark: string): () => void;
  /** Kills what workers left behind that live no more. Returns of how many programs something was left. Only on Linux, where a program is known by its mark, also if its number belongs to another one by now. */
  sweep(): Promise<number>;
};

/** `<pid of the worker>.<pid of the program>.<mark>` */
const NAME = /^(\d+)\.(\d+)\.([\w-]+)$/;

/** `worker`: the number of this process. Makes the folder; throws `data_unusable`. What has the same number from before is not ours. */
export function openPidFiles(folder: string, worker: number): PidFiles {
  makeFolder(folder); // only now: one that is moved away later is not made again
  return {
    note(pid, mark) {
      const file = join(folder, `${worker}.${pid}.${mark}`);
      writeFileSync(file, "", { mode: 0o600 });
      return () => rmSync(file, { force: true });
    },
    async sweep() {
      let left = 0;
      for (const name of namesIn(folder)) {
        const [, of, pid, mark] = NAME.exec(name) ?? [];
        if (mark === undefined || (Number(of) !== worker && lives(Number(of)))) continue;
        if (await killMarked(Number(pid), mark)) left++;
        rmSync(join(folder, name), { force: true });
      }
      return left;
    },
  };
}

function makeFolder(folder: string): void {
  try {
    makeOwnFolder(folder);
  } catch (cause) {
    throw codedError("data_unusable", `${folder} cannot be made: ${errorText(cause)}`, { cause });
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // nothing ran here yet
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
