import { SHARDS } from "../../../support/eight-shards.ts";
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { putAgain, type Again } from "../../../../src/operate/replay/put.ts";
import { decodeEnvelope } from "../../../../src/shared/log/schema/envelope.ts";
import { HEADER } from "../../../../src/shared/base/headers.ts";

type Sent = { id: string; payload: Uint8Array };

/** A broker that says one word after the other (undefined: nothing in time), and keeps what it was asked. */
function scripted(...words: (object | undefined)[]) {
  const sent: Sent[] = [];
  const nc = {
    request(_: string, payload: Uint8Array, { headers }: { headers: MsgHdrs }) {
      sent.push({ id: headers.get(HEADER.id), payload });
      const word = words.shift();
      return word === undefined
        ? Promise.reject(new Error("timeout"))
        : Promise.resolve({ string: () => JSON.stringify(word) });
    },
    isClosed: () => false,
  };
  return { nc: nc as unknown as NatsConnection, sent };
}

const again: Again = {
  seq: 10,
  headers: new Map([[HEADER.seq, "e-1"]]),
  envelope: {
    v: 1,
    id: "e1",
    kind: "event",
    session: "s",
    runner: "r",
    epoch: "e",
    seq: 1,
    at: 0,
    type: "application/json",
    body: Buffer.from('{"a":12345678901234567890}'),
    answer: "_INBOX_gw.gone",
  },
};

test("the body stays as it was, with a mark and without an address for the answer", async () => {
  const { nc, sent } = scripted({ seq: 25 });
  expect(await putAgain({ nc, shardCount: SHARDS }, "run", again)).toBe(25);
  const { body, answer, replayOf } = decodeEnvelope(sent[0]?.payload ?? new Uint8Array());
  expect([Buffer.from(body).toString(), answer, replayOf]).toEqual([
    '{"a":12345678901234567890}',
    undefined,
    "RR_EVENTS:10",
  ]);
});

test("ORDER-1: while it is unknown whether it is stored, it is put again under the same id before anything else", async () => {
  const { nc, sent } = scripted(undefined, undefined, { seq: 2, duplicate: true });
  expect(await putAgain({ nc, shardCount: SHARDS }, "run", again)).toBe(2);
  expect(sent.map(({ id }) => id)).toEqual(["replay-run-e1", "replay-run-e1", "replay-run-e1"]);
});

test("a full log and a refusal end it", async () => {
  const full = scripted({
    error: { err_code: 10077, description: "maximum bytes exceeded" },
    stream: "RR_EVENTS",
    seq: 0,
  });
  await expect(putAgain({ nc: full.nc, shardCount: SHARDS }, "run", again)).rejects.toMatchObject({
    code: "log_full",
  });
  const refused = scripted({ error: { err_code: 1, description: "no" }, stream: "RR_EVENTS", seq: 0 });
  await expect(putAgain({ nc: refused.nc, shardCount: SHARDS }, "run", again)).rejects.toMatchObject({
    code: "log_refused",
  });
});
