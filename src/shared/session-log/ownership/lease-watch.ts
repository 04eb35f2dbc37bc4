import type { Clock } from "../../base/clock.ts";
import type { Pages } from "../follow/pages.ts";
import { keyOf, keySubject } from "../state/keys.ts";

/** A renewal of a lease as a process saw it: it was stored at the monotonic time `at`, or before. */
export type SeenLease = { revision: number; at: number };

/** What a process sees of the leases of others, so that it knows for itself when one is over. */
export type LeaseWatch = {
  /** Reads what was renewed since the last look. Rejects if the broker does not answer. */
  look(): Promise<void>;
  /** The newest renewal of a session's lease that was seen; undefined if there was none, or its owner left. */
  seen(session: string): SeenLease | undefined;
};

/** Renewals come each second. What was not seen for this long is over, and nobody asks for it any more. */
const FORGET_MS = 60_000;

/** `keys` reads the bucket. One request for all leases, and only what is new of them, because each renewal is a new message. */
export function createLeaseWatch({ keys, clock }: { keys: Pages; clock: Clock }): LeaseWatch {
  const leases = new Map<string, SeenLease>();
  const filter = keySubject(keyOf.lease("*"));
  let last = 0;

  function take(revision: number, subject: string, left: boolean): void {
    const session = subject.split(".").at(-1) ?? "";
    last = revision;
    if (left) leases.delete(session);
    else leases.set(session, { revision, at: clock.now() });
  }

  return {
    async look() {
      for (let more = true; more;) {
        const page = await keys.read(filter, last + 1);
        for (const { seq, subject, data } of page.events) take(seq, subject, data.length === 0);
        ({ more } = page);
      }
      for (const [session, { at }] of leases) if (clock.now() - at > FORGET_MS) leases.delete(session);
    },
    seen: (session) => leases.get(session),
  };
}
