import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OwnNemesis } from "./subject.ts";

/** A disk with little room, mounted at a folder: an ext4 in a file beside it. */
export type SmallDisk = {
  /** What can happen to it. `well` resolves when what lives there works again. */
  troubles(well: () => Promise<void>): OwnNemesis[];
  [Symbol.dispose](): void;
};

/** The group of all processes, and how many writes to a device it may do in a second: only the first version of Linux's control groups has it. */
const LIMITS = "/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device";
/** A sync takes 2 to 4 writes: some 0.2 s. */
const SLOW_WRITES = 20;

/** Mounts one, as root on Linux; undefined for anybody else. */
export function mountSmallDisk(folder: string, bytes: number): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true });
  const image = `${folder}.img`;
  writeFileSync(image, "");
  truncateSync(image, bytes);
  try {
    run("mkfs.ext4", "-q", "-m", "0", image);
    run("mount", "-o", "loop", image, folder);
  } catch {
    rmSync(image);
    return undefined;
  }
  let frozen = false;
  const freeze = (how: "-f" | "-u"): void => {
    run("fsfreeze", how, folder);
    frozen = how === "-f";
  };
  const unmount = (): void => {
    if (frozen) freeze("-u");
    run("umount", "-l", folder);
    rmSync(image);
  };
  process.prependListener("exit", unmount); // nothing may be mounted there when the folder is removed
  return {
    troubles: (well) => [
      full(folder, well),
      hangs(freeze, well),
      ...(existsSync(LIMITS) ? [slow(folder, well)] : []),
    ],
    [Symbol.dispose]() {
      process.removeListener("exit", unmount);
      unmount();
    },
  };
}

/** Has no room for a while. */
function full(folder: string, well: () => Promise<void>): OwnNemesis {
  const filler = join(folder, "filler");
  return {
    name: "disk full",
    async start() {
      fill(folder, filler);
      return async () => {
        rmSync(filler);
        await well();
      };
    },
  };
}

/** Takes whatever room is left, without writing it. */
function fill(folder: string, filler: string): void {
  const { bavail, bsize } = statfsSync(folder);
  for (let blocks = bavail; blocks > 0; blocks = Math.floor(blocks * 0.99) - 1) {
    // the file system needs a few blocks for the list of them
    try {
      return run("fallocate", "-l", String(blocks * bsize), filler);
    } catch {
      rmSync(filler, { force: true });
    }
  }
}

/** Finishes no write for a while. */
function hangs(freeze: (how: "-f" | "-u") => void, well: () => Promise<void>): OwnNemesis {
  return {
    name: "disk hangs",
    async start() {
      freeze("-f");
      return async () => {
        freeze("-u");
        await well();
      };
    },
  };
}

/** Takes long for each sync. */
function slow(folder: string, well: () => Promise<void>): OwnNemesis {
  const { dev } = statSync(folder);
  const limit = (writes: number): void => writeFileSync(LIMITS, `${dev >> 8}:${dev & 0xff} ${writes}`);
  return {
    name: "disk slow (0.2 s a sync)",
    async start() {
      limit(SLOW_WRITES);
      return async () => {
        limit(0);
        await well();
      };
    },
  };
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: "ignore" });
}
