/** The root that a session's last owner worked in, as the log names it. */
export type OwnerRoot = { root: string; place: string };

/** What a worker may do with a session. */
export type Claim =
  /** Own it and run its turns. */
  | { kind: "run"; root: OwnerRoot }
  /** Own it for a moment: end what nobody runs any more, and start nothing. `root` stays that of the owner before. */
  | { kind: "tidy"; root: OwnerRoot | undefined }
  /** Nothing: it is another worker's. */
  | { kind: "leave" };

/** What is known of a session that nobody owns at the moment. */
export type Standing = {
  /** Our root that the session's folder lies in; undefined if that is none of ours. */
  mine: OwnerRoot | undefined;
  /** Where its last owner worked; undefined if it had none yet. */
  before: OwnerRoot | undefined;
  /** No worker that has the root `before` was heard for a minute. */
  silent: boolean;
  /** Our roots are declared to be shared with other machines. */
  shared: boolean;
};

/**
 * Who may go on with a session. Workers that have its root are equals, and take over at once. Others wait until those are silent; then they may run its turns
 * only if what its agent left in the folder is there as well. Pure.
 */
export function claimOf({ mine, before, silent, shared }: Standing): Claim {
  if (before === undefined)
    return mine === undefined ? { kind: "tidy", root: undefined } : { kind: "run", root: mine };
  if (mine?.root === before.root) return { kind: "run", root: mine };
  if (!silent) return { kind: "leave" };
  if (mine !== undefined && (shared || mine.place === before.place)) return { kind: "run", root: mine };
  return { kind: "tidy", root: before };
}
