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

/** Many watchers: each costs up to 80 KiB, so that 5,000 of them need 400 MB. Twice the semi-space is taken already at the start, so that with 8 MB a server at rest has 12 MB more. */
export const OF_SERVE: ChildMemory = {
  nodeOptions: ["--max-old-space-size=512", "--max-semi-space-size=2"],
  env: LITTLE_KEPT,
};

/** A worker holds what is known of at most 256 sessions, and one line of each agent, 1 MiB at most. */
export const OF_WORKER: ChildMemory = {
  nodeOptions: ["--max-old-space-size=192", "--max-semi-space-size=4"],
  env: LITTLE_KEPT,
};

/** With these a gateway takes 129 MB, and is a quarter faster at 256 connections, where garbage collection is the largest cost. */
export const OF_GATEWAY: ChildMemory = {
  nodeOptions: ["--max-old-space-size=96", "--max-semi-space-size=8"],
  env: LITTLE_KEPT,
};
