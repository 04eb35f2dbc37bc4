import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import type { DeadLetter } from "../../../../../src/shared/log/state/dead-letters.ts";
import { redrive } from "../../../../../src/shared/log/state/redrive.ts";
import { putState } from "../../../../../src/shared/log/state/state-store.ts";

/** The broker's words for a message that it did not store: they name the sequence 0. */
const REFUSED = {
  error: { code: 503, err_code: 10077, description: "maximum bytes exceeded" },
  stream: "RR_EVENTS",
  seq: 0,
};

/** A broker that refuses what goes to these subjects, and stores the rest. */
function refusing(subjects: string) {
  const removed: number[] = [];
  const request = (subject: string) => {
    const answer = subject.startsWith(subjects) ? REFUSED : { stream: "X", seq: 1 };
    return Promise.resolve({ json: () => answer, string: () => JSON.stringify(answer) });
  };
  const nc = { request } as unknown as NatsConnection;
  const jsm = {
    streams: {
      info: () => Promise.resolve({ created: "2026", state: { messages: 1, last_seq: 1 } }),
      deleteMessage: (_: string, seq: number) => Promise.resolve(removed.push(seq) > 0),
    },
    direct: { getMessage: () => Promise.resolve(null) },
  } as unknown as JetStreamManager;
  return { nc, jsm, removed };
}

test("SETTLE-1: a dead letter stays if the log refuses its event", async () => {
  const { nc, jsm, removed } = refusing("rr.replay.");
  const letter = { id: "e1", seq: 7, runner: "r", session: "s", kind: "event", payload: new Uint8Array() };
  await expect(redrive({ nc, jsm }, letter as DeadLetter)).rejects.toThrow();
  expect(removed).toEqual([]);
});

test("a request of an operator that the broker does not store is no success", async () => {
  await expect(putState(refusing("$KV.").nc, "paused", new Uint8Array())).rejects.toThrow(
    "maximum bytes exceeded",
  );
});
