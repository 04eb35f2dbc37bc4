import { partitionOf, shardOf } from "../shared/partition.ts";
import { eventSubject } from "../shared/subjects.ts";
import type { WriteKind } from "./routes.ts";

/** Sessions whose addresses are kept; about 300 B each. Recomputing one costs microseconds, so that forgetting all at once is fine. */
const MAX_KEPT = 10_000;

/** Where a session's events go. */
export type Address = { shard: number; subjects: Record<WriteKind, string> };

/** Addresses of sessions, computed once: encoding and hashing would cost every request as much as its parsing. */
export function createAddresses(runner: string): (session: string) => Address {
  const kept = new Map<string, Address>();
  return (session) => {
    let address = kept.get(session);
    if (address === undefined) {
      if (kept.size >= MAX_KEPT) kept.clear();
      address = {
        shard: shardOf(partitionOf(session)),
        subjects: {
          bind: eventSubject(runner, session, "bind"),
          event: eventSubject(runner, session, "event"),
          metadata: eventSubject(runner, session, "metadata"),
        },
      };
      kept.set(session, address);
    }
    return address;
  };
}
