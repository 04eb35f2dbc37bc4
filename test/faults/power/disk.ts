import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Size of the disk that loses its power. Copies share what they have in common with it. */
const DISK_BYTES = 768 * 1024 ** 2;
/** Size of the file system below it, most of which is never written. */
const BELOW_BYTES = 6 * 1024 ** 3;

/** A disk of our own whose power can be cut: an ext4 in a file of an XFS, which copies a file as it is at one moment. */
export type PowerDisk = {
  /** Where it is mounted. */
  folder: string;
  /** Has everything that was written so far on the disk. */
  sync(): void;
  /** What a cut of the power at this moment would leave, also inside a sync. The disk itself goes on. Returns a name for {@link after}. */
  cut(): string;
  /** Mounts what a cut left, which replays the journal; returns the folder. One at a time. */
  after(cut: string): string;
  /** Unmounts it again, and forgets it. */
  forget(cut: string): void;
  [Symbol.dispose](): void;
};

/**
 * Makes the disk in a folder. Needs root, loop devices and mkfs.xfs; throws if one of these is missing.
 *
 * The copy has each write that the file system gave to the disk, and nothing of what lay in the memory of the machine. A disk that also loses what its own
 * cache held, or tears a sector, is not played.
 */
export function createPowerDisk(home: string): PowerDisk {
  using undo = new DisposableStack();
  const [below, folder, restored] = ["below", "disk", "restored"].map((name) => {
    const path = join(home, name);
    mkdirSync(path);
    return path;
  }) as [string, string, string];
  const mount = (image: string, at: string): void => {
    run("mount", "-o", "loop", image, at);
  };
  make(join(home, "below.img"), BELOW_BYTES, "mkfs.xfs", "-q", "-m", "reflink=1");
  mount(join(home, "below.img"), below);
  undo.defer(() => run("umount", "-l", below));
  const image = join(below, "disk.img");
  make(image, DISK_BYTES, "mkfs.ext4", "-q");
  mount(image, folder);
  undo.defer(() => run("umount", "-l", folder));
  const ends = undo.move();
  let cuts = 0;
  let mounted = false;
  const unmount = (): void => {
    if (mounted) run("umount", restored);
    mounted = false;
  };
  ends.defer(unmount);
  // An interrupted campaign removes its folder at its exit, so nothing may be mounted there by then.
  const atExit = (): void => ends.dispose();
  process.prependListener("exit", atExit);
  ends.defer(() => process.removeListener("exit", atExit));
  return {
    folder,
    sync: () => run("sync", "-f", folder),
    cut() {
      const copy = join(below, `cut-${cuts++}.img`);
      run("cp", "--reflink=always", image, copy);
      return copy;
    },
    after(cut) {
      mount(cut, restored);
      mounted = true;
      return restored;
    },
    forget(cut) {
      unmount();
      rmSync(cut, { force: true });
    },
    [Symbol.dispose]: () => ends.dispose(),
  };
}

function make(file: string, bytes: number, command: string, ...args: string[]): void {
  writeFileSync(file, "");
  truncateSync(file, bytes);
  run(command, ...args, file);
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
}
