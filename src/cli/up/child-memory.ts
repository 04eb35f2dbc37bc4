/** How much memory Node may use in a child, and how glibc keeps it. */
export type ChildMemory = { nodeOptions: readonly string[]; env: Readonly<Record<string, string>> };

/**
 * How glibc keeps memory. By default every thread gets an arena of its own; with two arenas a draining relay has 164 to 170 MB resident instead of 190. And by
 * default the size from which memory goes back to the system at once grows with the largest block ever freed, so that 25 MB stayed after large bodies.
 */
const LITTLE_KEPT = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
};

/** With these limits a process takes 120 MB at the same speed, and without them 262 MB (docs/facts.md, "Node and the HTTP path"). */
export const SMALL: ChildMemory = {
  nodeOptions: ["--max-old-space-size=96", "--max-semi-space-size=4"],
  env: LITTLE_KEPT,
};

/** With these a gateway takes 129 MB, and is a quarter faster at 256 connections, where garbage collection is the largest cost. */
export const OF_GATEWAY: ChildMemory = {
  nodeOptions: ["--max-old-space-size=96", "--max-semi-space-size=8"],
  env: LITTLE_KEPT,
};
