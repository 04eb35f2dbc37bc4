import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { OwnNemesis } from "./subject.ts";

/** A file system with little room, mounted at a folder. */
export type SmallDisk = {
  /** Has no room for a while. `well` resolves when what lives there works again. */
  full(well: () => Promise<void>): OwnNemesis;
  [Symbol.dispose](): void;
};

/** Mounts one, as root on Linux; undefined for anybody else. */
export function mountSmallDisk(folder: string, size: string): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder], {
      stdio: "ignore",
    });
  } catch {
    return undefined;
  }
  const filler = join(folder, "filler");
  const unmount = (): void => void execFileSync("umount", ["-l", folder]);
  process.prependListener("exit", unmount); // nothing may be mounted there when the folder is removed
  return {
    full: (well) => ({
      name: "disk full",
      async start() {
        fill(filler);
        return async () => {
          rmSync(filler);
          await well();
        };
      },
    }),
    [Symbol.dispose]() {
      process.removeListener("exit", unmount);
      unmount();
    },
  };
}

/** Takes whatever room is left. */
function fill(file: string): void {
  const handle = openSync(file, "w");
  const block = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(handle, block);
  } catch {
    // full
  } finally {
    closeSync(handle);
  }
}
