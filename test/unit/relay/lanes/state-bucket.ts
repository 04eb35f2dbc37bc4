import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { stateKey } from "../../../../src/shared/log/schema/topology.ts";
import type { FakeClock } from "../../../support/fake-clock.ts";
import type { Lasting } from "./lasting.ts";

/** What a relay reaches the state bucket by. */
export type StateBucket = {
  nc: NatsConnection;
  kv: KV;
  jsm: JetStreamManager;
  /** A call of the broker: it takes its time, and may fail. */
  call<T>(work: () => T): Promise<T>;
};

type BatchQuery = {
  seq: number;
  next_by_subj: string;
  callback(done: object | null, message: StoredMsg | undefined): void;
};

/** The bucket of the world, whose broker may be slow, down or odd. `store` writes a key, or deletes it, and returns the revision. */
export function stateBucket(
  shared: Lasting,
  clock: FakeClock,
  store: (key: string, value: Uint8Array | undefined) => number,
): StateBucket {
  /** The bucket's calls take their time; half of those that fail have done their work. */
  async function call<T>(work: () => T): Promise<T> {
    const done = shared.broker.down ? undefined : { value: work() };
    await new Promise<void>((resolve) => void clock.after(shared.broker.delayMs, resolve));
    if (done !== undefined) return done.value; // as it was then: "none" as well
    if (shared.broker.down) throw new Error("timeout");
    return work();
  }

  const kv = {
    put: (key: string, value: Uint8Array) => call(() => store(key, value)),
  } as unknown as KV;
  const nc = {
    async request(subject: string, value: Uint8Array, { headers }: { headers: MsgHdrs }) {
      const key = subject.slice("$KV.RR_STATE.".length);
      const deletes = key.startsWith(stateKey.held("")) && headers.has("KV-Operation");
      if (deletes && shared.broker.deleteDelayMs !== undefined)
        await new Promise<void>((resolve) => void clock.after(shared.broker.deleteDelayMs ?? 0, resolve));
      return call(() => {
        if (deletes && shared.broker.refuseDeletes) throw new Error("no");
        const expected = Number(headers.get("Nats-Expected-Last-Subject-Sequence"));
        const same = expected === (shared.revisions.get(key) ?? 0);
        const reply = same
          ? { seq: store(key, headers.has("KV-Operation") ? undefined : value) }
          : { error: { err_code: 10071 } };
        return { json: () => reply };
      });
    },
  } as unknown as NatsConnection;
  const messages = (filter: string): StoredMsg[] =>
    [...shared.revisions]
      .map(([key, seq]) => ({
        seq,
        subject: `$KV.RR_STATE.${key}`,
        data: shared.bucket.get(key) ?? new Uint8Array(),
        header: { has: () => !shared.bucket.has(key) },
        time: new Date(0),
      }))
      .filter(({ subject }) => subject.startsWith(filter.replace(/\*$/, "")))
      .sort((a, b) => a.seq - b.seq) as unknown as StoredMsg[];
  const jsm = {
    direct: {
      async getBatch(_stream: string, { seq, next_by_subj: filter, callback }: BatchQuery) {
        const found = await call(() => messages(filter).filter((message) => message.seq >= seq));
        for (const message of found) callback(null, message);
        callback({}, undefined);
        return { stop() {} };
      },
    },
    streams: {
      getMessage: (_stream: string, { last_by_subj: filter }: { last_by_subj: string }) =>
        call(() => messages(filter).at(-1) ?? null),
    },
  } as unknown as JetStreamManager;
  return { nc, kv, jsm, call };
}
