import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { putAgain, type Again } from "../../../src/admin/replay/put.ts";
import { decodeEnvelope, type Envelope } from "../../../src/shared/envelope.ts";
import { HEADER } from "../../../src/shared/headers.ts";

type Sent = { id: string; batch: boolean; payload: Uint8Array };
/** What a broker says to a request; undefined: nothing in time. */
type Word = object | undefined;

/** A broker that says one word after the other, and keeps what it was asked. */
function scripted(...words: Word[]) {
  const sent: Sent[] = [];
  const take = (payload: Uint8Array, headers: MsgHdrs | undefined): void => {
    const id = headers?.get(HEADER.id) ?? "";
    sent.push({ id, batch: headers?.has("Nats-Batch-Id") ?? false, payload });
  };
  const nc = {
    publish: (_: string, payload: Uint8Array, { headers }: { headers: MsgHdrs }) => take(payload, headers),
    request(_: string, payload: Uint8Array, { headers }: { headers: MsgHdrs }) {
      take(payload, headers);
      const word = words.shift();
      return word === undefined
        ? Promise.reject(new Error("timeout"))
        : Promise.resolve({ json: () => word });
    },
    isClosed: () => false,
  };
  return { nc: nc as unknown as NatsConnection, sent, left: words };
}

function events(count: number): [Again, ...Again[]] {
  const envelope = (n: number): Envelope => ({
    v: 1,
    id: `e${n}`,
    kind: "event",
    session: "s",
    runner: "r",
    epoch: "e",
    seq: n,
    at: 0,
    type: "application/json",
    body: Buffer.from('{"a":12345678901234567890}'),
    answer: "_INBOX_gw.gone",
  });
  const again = (n: number): Again => ({
    seq: 9 + n,
    headers: new Map([[HEADER.seq, `e-${n}`]]),
    envelope: envelope(n),
  });
  return [again(1), ...Array.from({ length: count - 1 }, (_, i) => again(i + 2))];
}

const ids = (sent: readonly Sent[]): string[] => sent.map(({ id }) => id.replace("replay-run-", ""));

test("several go as one batch; the body stays as it was, with a mark and without an address for the answer", async () => {
  const { nc, sent } = scripted({ seq: 25, count: 6, batch: "x" });
  expect(await putAgain(nc, "run", events(6))).toBe(25);
  expect(ids(sent)).toEqual(["e1", "e2", "e3", "e4", "e5", "e6"]);
  expect(sent.every(({ batch }) => batch)).toBe(true);
  const { body, answer, replayOf } = decodeEnvelope(sent[0]?.payload ?? new Uint8Array());
  expect([Buffer.from(body).toString(), answer, replayOf]).toEqual([
    '{"a":12345678901234567890}',
    undefined,
    "RR_EVENTS:10",
  ]);
});

test.each([
  ["refused", { error: { err_code: 10201, description: "duplicate" } }],
  ["of unknown outcome", undefined],
])("ORDER-1: after a batch that is %s they go one by one, in order, with the same ids", async (_, word) => {
  const singles = [1, 2, 3, 4, 5].map((seq) => ({ seq, duplicate: true }));
  const { nc, sent } = scripted(word, ...singles);
  expect(await putAgain(nc, "run", events(5))).toBe(5);
  expect(ids(sent.filter(({ batch }) => !batch))).toEqual(["e1", "e2", "e3", "e4", "e5"]);
  expect(ids(sent.slice(0, 5))).toEqual(ids(sent.slice(5)));
});

test("ORDER-1: while nobody knows whether one is stored, it is put again before the next", async () => {
  const { nc, sent } = scripted({ seq: 1 }, undefined, undefined, { seq: 2 }, { seq: 3 });
  expect(await putAgain(nc, "run", events(3))).toBe(3);
  expect(ids(sent)).toEqual(["e1", "e2", "e2", "e2", "e3"]);
});

test("a full log and a refusal end it: nothing behind goes", async () => {
  const full = scripted({ seq: 1 }, { error: { err_code: 10077, description: "maximum bytes exceeded" } });
  await expect(putAgain(full.nc, "run", events(3))).rejects.toMatchObject({ code: "log_full" });
  expect(ids(full.sent)).toEqual(["e1", "e2"]);
  const refused = scripted({ error: { err_code: 1, description: "no" } });
  await expect(putAgain(refused.nc, "run", events(1))).rejects.toMatchObject({ code: "log_refused" });
});
