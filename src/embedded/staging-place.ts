/** What lies at the path of our folder in memory. `foreign`: a file, a link, another user's folder, or one that others may enter. */
export type StagingFolder = "missing" | "own" | "foreign";

/** What was found of the file system in memory. */
export type MemoryFacts =
  | { kind: "none" }
  /** Other users could exchange our folder. */
  | { kind: "open" }
  | { kind: "tmpfs"; freeBytes: number; folder: StagingFolder };

/** Where the broker stages atomic batches. `asked`: on the disk because of the setting, about which nobody needs a warning. */
export type StagingPlace = { where: "memory" } | { where: "disk"; asked: boolean; why: string };

const MIB = 1024 * 1024;
/**
 * Free memory that a start wants. A gateway has one batch of at most 4 MiB under way, whose staged form with headers is below 6 MiB; `up` has one
 * gateway, and the rest is for others. Containers have 64 MiB by default.
 */
export const STAGING_START_BYTES: number = 32 * MIB;
/** With less free, the next batch could find no room, and the broker refuses it then. */
export const STAGING_LEAST_BYTES: number = 8 * MIB;

/** Decides where batches are staged: at a start of the broker, or while it runs and used the folder before. Pure. */
export function chooseStaging(
  asked: "memory" | "disk",
  memory: MemoryFacts,
  when: "start" | "running",
): StagingPlace {
  if (asked === "disk") return { where: "disk", asked: true, why: "the setting says so" };
  const disk = (why: string): StagingPlace => ({ where: "disk", asked: false, why });
  if (memory.kind === "none") return disk("there is no tmpfs at /dev/shm");
  if (memory.kind === "open") return disk("other users could exchange folders in /dev/shm");
  if (memory.folder === "foreign") return disk("its folder in /dev/shm is not ours alone");
  if (memory.folder === "missing" && when === "running") return disk("its folder in /dev/shm was removed");
  const least = when === "start" ? STAGING_START_BYTES : STAGING_LEAST_BYTES;
  if (memory.freeBytes >= least) return { where: "memory" };
  return disk(`/dev/shm has less than ${least / MIB} MiB free`);
}

/** Is this the server's line about a batch that could not be staged? Only that batch fails then, and the log itself is well. Pure. */
export function isStagingFailure(line: string): boolean {
  return /critical write error: .*\/streams\/[^/]+\/batches\//i.test(line);
}
