import type { Leader } from "./leader.ts";

/** Hears of sessions that are deleted, by their tombstones. */
export type Deletions = {
  /** Tells of those that were deleted since the last look. */
  look(): Promise<void>;
};

/** Most deletions that are told in one look; the next look goes on. */
const AT_ONCE = 1000;

/** Tells of every session that is deleted from now on. A process that was away asks for what it missed, so that no watcher waits for ever. */
export async function followDeletions(leader: Leader, tell: (session: string) => void): Promise<Deletions> {
  let revision = await leader.lastDeletion();
  return {
    async look() {
      const last = await leader.lastDeletion();
      if (last < revision) revision = 0; // the bucket is another one
      for (let told = 0; told < AT_ONCE && revision < last; told++) {
        const deletion = await leader.deletionAfter(revision);
        if (deletion === undefined) return;
        ({ revision } = deletion);
        tell(deletion.session);
      }
    },
  };
}
