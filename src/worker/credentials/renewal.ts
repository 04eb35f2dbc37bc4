import type { Clock } from "../../shared/base/clock.ts";

/** Tokens are replaced so long before they expire, as those who read them expect it. */
const BEFORE_EXPIRY_MS: number = 5 * 60 * 1000;
/** Soonest next try, also where the back end gives tokens that expire at once. */
export const SOONEST_MS = 60_000;

/** Has `renew` called 5 min before the time that it named last, until the returned function is called. It returns the next time, milliseconds since 1970; undefined where it could not be renewed. */
export function keepRenewed(
  clock: Clock,
  expires: number | undefined,
  renew: () => Promise<number | undefined>,
): () => void {
  let over = false;
  let cancel = (): void => undefined;

  function wait(until: number | undefined): void {
    if (over || until === undefined) return;
    const ms = Math.max(SOONEST_MS, until - clock.wall() - BEFORE_EXPIRY_MS);
    cancel = clock.after(ms, () => {
      // what could not be renewed is tried again: programs read the old one until then
      renew().then(
        (next) => wait(next ?? until),
        () => wait(until),
      );
    });
  }

  wait(expires);
  return () => {
    over = true;
    cancel();
  };
}
