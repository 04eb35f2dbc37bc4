import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import { sessionToken } from "../../../shared/log/schema/session-id.ts";
import { stateKey } from "../../../shared/log/schema/topology.ts";
import { encodeHeld, type HeldRecord } from "../../../shared/log/state/held.ts";
import { deleteState } from "../../../shared/log/state/state-store.ts";
import type { Shard } from "../../source/shard.ts";
import type { Pointer } from "./state.ts";

/** The pointers in the bucket. */
export type Pointers = {
  /** May a pointer of the shard be written or deleted? A relay that lost the shard would damage those of its new owner. */
  mayWrite(shard: number): Promise<boolean>;
  /** Writes a record; resolves to its revision. */
  write(record: HeldRecord): Promise<number>;
  /** Writes the record of a pointer as it is now. */
  rewrite(pointer: Pointer): Promise<void>;
  /** Deletes what was written here. Returns false if another relay has written it since. */
  remove(token: string, pointer: Pointer): Promise<boolean>;
  /** Counts work as a change of the bucket that is under way. Returns it. */
  track(work: Promise<void>): Promise<void>;
  /** Resolves when the changes that are under way now have ended, one way or the other. */
  quiet(): Promise<void>;
};

export function createPointers(deps: {
  nc: NatsConnection;
  kv: KV;
  fence(shard: number): Pick<Shard, "mayForward" | "verify">;
}): Pointers {
  const { nc, kv } = deps;
  const pending = new Set<Promise<void>>();

  function write(record: HeldRecord): Promise<number> {
    return kv.put(stateKey.held(sessionToken(record.session)), encodeHeld(record));
  }

  return {
    async mayWrite(number) {
      const shard = deps.fence(number);
      return shard.mayForward() || (await shard.verify());
    },
    write,
    async rewrite(pointer) {
      const written = write(pointer.record);
      pointer.writing = written.then(
        (revision) => void (pointer.revision = revision),
        () => {},
      );
      await written;
    },
    // a deletion that arrives late names the revision that was written here, so it does not delete what a new owner wrote since
    remove: (token, pointer) => deleteState(nc, stateKey.held(token), pointer.revision ?? 0),
    track(work) {
      const tracked = work.finally(() => pending.delete(tracked));
      pending.add(tracked);
      return tracked;
    },
    quiet: async () => void (await Promise.allSettled(pending)),
  };
}
