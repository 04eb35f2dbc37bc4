import { shardOf } from "../../shared/log/schema/partition.ts";
import { eventSubject } from "../../shared/log/schema/subjects.ts";
import { sharedLines } from "../../shared/log/append/message.ts";
import type { WriteKind } from "../contract/writes.ts";

/** Most sessions whose addresses are kept, about 1 KB each. Computing one takes microseconds, so all are forgotten at once when there are more. */
const MAX_KEPT = 10_000;

/** Where the events of a session go, by kind, and the header lines that they share. */
export type Address = { shard: number; of: Record<WriteKind, { subject: string; lines: string }> };

/** Addresses of sessions, computed once: encoding and hashing would cost every request as much as its parsing. */
export function createAddresses(runner: string, shardCount: number): (session: string) => Address {
  const kept = new Map<string, Address>();
  const kindOf = (session: string, kind: WriteKind): { subject: string; lines: string } => ({
    subject: eventSubject(runner, session, kind, shardCount),
    lines: sharedLines(session, kind),
  });
  return (session) => {
    let address = kept.get(session);
    if (address === undefined) {
      if (kept.size >= MAX_KEPT) kept.clear();
      address = {
        shard: shardOf(session, shardCount),
        of: {
          bind: kindOf(session, "bind"),
          event: kindOf(session, "event"),
          metadata: kindOf(session, "metadata"),
          run: kindOf(session, "run"),
        },
      };
      kept.set(session, address);
    }
    return address;
  };
}
