import type { JetStreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { readStates } from "../../../../../src/shared/log/state/state-store.ts";

type Query = { seq: number; callback(done: object | null, message: unknown): void };

test("SETTLE-1: a copy of the bucket that has nothing yet is asked again until it has what the leader named", async () => {
  let asked = 0;
  const header = { has: () => false };
  const message = {
    seq: 5,
    subject: "$KV.RR_STATE.held.a",
    data: new Uint8Array(1),
    header,
    time: new Date(0),
  };
  const jsm = {
    streams: { getMessage: () => Promise.resolve(message) },
    direct: {
      getBatch(_stream: string, { seq, callback }: Query) {
        if (++asked > 2 && seq <= 5) callback(null, message);
        callback({}, undefined);
        return Promise.resolve({ stop() {} });
      },
    },
  } as unknown as JetStreamManager;
  expect([...(await readStates(jsm, "held.*")).keys()]).toEqual(["held.a"]);
});
