/**
 * How long each try of a read waits for its first answer, milliseconds. An answer takes one; what was sent to a server that hangs never comes, and the next try
 * goes to another copy two times out of three. The last one is for a broker that is merely slow.
 */
export const PATIENCE_MS: readonly number[] = [500, 500, 1000, 4000];
