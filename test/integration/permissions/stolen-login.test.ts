import { eventSubject } from "../../support/eight-shards.ts";
import { createHash } from "node:crypto";
import { headers, PermissionViolationError, type NatsConnection } from "@nats-io/nats-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MAX_STREAMS_PER_GATEWAY } from "../../../src/relay/tunnel/limits.ts";
import { encodeEnvelope, type Envelope } from "../../../src/shared/log/schema/envelope.ts";
import { questionSubject, RECEIPT_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import { decodeMessage, encodeMessage, type Frame } from "../../../src/shared/messages/tunnel/frame.ts";
import { encodeOpening, TUNNEL_SUBJECT } from "../../../src/shared/messages/tunnel/opening.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned, startTestRelay, type TestRelay } from "../../support/relay.ts";
import { call, readLog, startTestGateway, type TestGateway } from "../gateway/harness.ts";
import { startSlowCoordinator, type SlowCoordinator } from "./slow-coordinator.ts";
import { eventually } from "../../support/eventually.ts";

// A thief has the login of gateway gw1 (runner-1) and knows all that there is to know of gw2 (runner-2), though it could find out little
// of it: its subjects, ids and inboxes. What is closed by the broker is told by `refused`; the rest by what gw2's executors see.

const OURS = "runner-2";

let broker: TestBroker;
let coordinator: SlowCoordinator;
let relay: TestRelay;
let gateway: TestGateway;
let thief: NatsConnection;
let refused: string[];

beforeEach(async () => {
  const gateways = [
    { gateway: "gw1", runner: "runner-1" },
    { gateway: "gw2", runner: OURS },
  ];
  broker = await provisioned(await startTestBroker({ gateways, sync: false }));
  coordinator = await startSlowCoordinator((target) => /slow|runner\/runs/.test(target));
  relay = await startTestRelay(broker, coordinator.url);
  gateway = await startTestGateway(broker, { gateway: "gw2", runner: OURS, answerWaitMs: 30_000 });
  thief = await broker.connect("gateway", "gw1");
  // until then there is no answer to wait for
  await expect.poll(async () => (await post("warm", "warm")).status).toBe(200);
  refused = [];
  const seen = refused;
  void (async () => {
    for await (const status of thief.status())
      if (status.type === "error" && status.error instanceof PermissionViolationError)
        seen.push(status.error.subject);
  })();
});
afterEach(async () => {
  await gateway.close();
  await relay.close();
  await coordinator[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
});

const post = (session: string, mark: string, more: Record<string, string> = {}): ReturnType<typeof call> =>
  call(gateway.url(), "POST", "/events", { session_id: session, event_type: "x", mark }, more);

/** An event of the thief's: under its own runner unless it is said otherwise. */
async function append(
  session: string,
  { runner = "runner-1", messageId = "", ...more }: Partial<Envelope> & { messageId?: string } = {},
  subject = eventSubject(runner, session, "event"),
): Promise<{ seq: number } | undefined> {
  const id = more.id ?? `thief${Math.random().toString(36).slice(2)}`;
  const head = headers();
  head.set("Nats-Msg-Id", messageId === "" ? id : messageId);
  const body = Buffer.from(JSON.stringify({ session_id: session, event_type: "x", mark: "forged" }));
  const base = {
    v: 1,
    kind: "event",
    session,
    runner,
    epoch: "t",
    seq: 1,
    at: 0,
    type: "application/json",
  } as const;
  const payload = encodeEnvelope({ ...base, id, body, ...more });
  return thief.request(subject, payload, { headers: head, timeout: 20_000 }).then(
    (ack) => ack.json(),
    () => undefined,
  );
}

async function foreign(what: string): Promise<number> {
  const { text } = await relay.get("/metrics");
  const line = new RegExp(String.raw`^runner_relay_foreign_total\{what="${what}"\} (\d+)$`, "m");
  return Number(line.exec(text)?.[1]);
}

const arrived = (mark: string): number =>
  coordinator.got.filter(({ body }) => body.includes(`"${mark}"`)).length;

test("DURABLE-1: what follows an id that is known is not known: others' events cannot be taken for repetitions", async () => {
  const known = String((await post("s", "first", { prefer: "respond-async" })).json["event_id"]);
  const next = BigInt(`0x${Buffer.from(known).toString("hex")}`) + 1n;
  const guesses = [
    `${known}-1`,
    `${known.slice(0, -1)}a`,
    Buffer.from(next.toString(16), "hex").toString("latin1"),
  ];
  // the id of a key, as it was before it had a secret
  guesses.push(
    createHash("sha256")
      .update(JSON.stringify(["s", "event", "a-key"]))
      .digest("hex")
      .slice(0, 32),
  );
  for (const messageId of guesses) expect(await append("evil", { messageId })).toBeDefined();
  const replies = [await post("s", "second"), await post("s", "keyed", { "idempotency-key": "a-key" })];
  expect(replies.map(({ status }) => status)).toEqual([200, 200]);
  for (const mark of ["first", "second", "keyed"]) await expect.poll(() => arrived(mark)).toBe(1);
});

test("another runner's events cannot be written: not under its subject, and not under one's own with its name inside", async () => {
  expect(await append("s", { runner: OURS })).toBeUndefined();
  expect(refused).toEqual([eventSubject(OURS, "s", "event")]);
  const stored = await append("s", { runner: OURS }, eventSubject("runner-1", "s", "event"));
  const other = await append("s2", { kind: "bind" }, eventSubject("runner-1", "s2", "event"));
  expect(stored?.seq).toBeGreaterThan(0);
  const operator = await broker.connect("operator");
  const letters = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const seq of [1, 2]) {
      const reply = await operator.request("$JS.API.DIRECT.GET.RR_DEAD", JSON.stringify({ seq }));
      found.push(reply.headers?.get("Rr-Error") ?? "");
    }
    return found.toSorted();
  };
  await expect
    .poll(letters)
    .toEqual([
      "envelope_invalid: the envelope's session, runner or kind differs from the subject's",
      "envelope_invalid: the envelope's session, runner or kind differs from the subject's",
    ]);
  expect(other?.seq).toBeGreaterThan(0);
  expect(arrived("forged")).toBe(0);
});

test("the answer to another's waiting request cannot be forged: not by publishing it, and not by having a relay hand it out", async () => {
  const waiting = post("slow", "ours");
  await expect.poll(() => coordinator.held).toBe(1);
  const { answer = "", id } = (await readLog(broker)).at(-1)?.envelope ?? {};
  expect(answer).toMatch(/^_INBOX_gw\.gw2\./);
  thief.publish(answer, "forged");
  for (const one of [{ id: id ?? "", messageId: "m" }, {}])
    expect(await append("quick", { ...one, answer })).toBeDefined();
  thief.publish(questionSubject(RECEIPT_SUBJECT, "gw1"), '{"id":"x","seq":1}', { reply: answer });
  await expect.poll(() => arrived("forged")).toBe(2);
  await expect.poll(() => foreign("answer")).toBe(2);
  await expect.poll(() => foreign("request")).toBe(1);
  expect(refused).toEqual([answer]);
  coordinator.release();
  expect(await waiting).toMatchObject({ status: 200, json: { of: "/sessions/slow/events" } });
});

test("another's request can be neither answered, nor cancelled, nor kept: frames count for the gateway that opened it", async () => {
  // what gw2 hears of its own exchange: where its answer goes, and where its frames go
  const spy = await broker.connect("gateway", "gw2");
  const heard: { inbox: string; frame: Frame }[] = [];
  spy.subscribe("_INBOX_gw.gw2.>", {
    callback(_, { subject, data }) {
      for (const frame of decodeMessage(data)?.frames ?? []) heard.push({ inbox: subject, frame });
    },
  });
  await spy.flush();
  const poll = call(gateway.url(), "GET", "/runs?of=r2");
  const accepted = await eventually(() => {
    const found = heard.find(({ frame }) => frame.type === "accept");
    if (found?.frame.type !== "accept") throw new Error("not accepted yet");
    return { inbox: found.inbox, subject: found.frame.subject };
  });
  expect(accepted.subject).toMatch(/^rr\.flow\.gw\.[\w-]+\.gw2\.t\./);
  const cut = encodeMessage(0, [{ type: "reset", code: "cancelled", text: "forged" }]);
  const answer = encodeMessage(1, [{ type: "head", status: 204, statusText: "", headers: [] }]);
  const own = accepted.subject.replace(".gw2.t.", ".gw1.t.");
  const opening = encodeOpening({
    v: 1,
    method: "GET",
    target: "/forged",
    headers: [],
    body: { kind: "none" },
    gateway: "thief",
  });
  thief.publish(accepted.subject, cut); // frames of its exchange
  thief.publish(accepted.inbox, answer); // its inbox
  thief.publish(TUNNEL_SUBJECT, opening, { reply: accepted.inbox }); // as older gateways asked
  thief.publish(questionSubject(TUNNEL_SUBJECT, "gw2"), opening, { reply: accepted.inbox }); // in its name
  thief.publish(questionSubject(TUNNEL_SUBJECT, "gw1"), opening, { reply: accepted.inbox }); // in its own
  thief.publish(own, cut);
  for (let i = 0; i < 100; i++)
    thief.publish(own, encodeMessage(i, [{ type: "data", bytes: Buffer.alloc(1000) }]));
  await thief.flush();
  await expect.poll(() => foreign("frame")).toBe(101);
  expect(await foreign("request")).toBe(1);
  expect(refused).toEqual([
    accepted.subject,
    accepted.inbox,
    TUNNEL_SUBJECT,
    questionSubject(TUNNEL_SUBJECT, "gw2"),
  ]);
  expect(coordinator.got.filter(({ target }) => target === "/forged")).toEqual([]);
  coordinator.release();
  expect(await poll).toMatchObject({ status: 200, json: { of: "/runs?of=r2" } });
  expect(relay.fatal).toEqual([]);
});

test("BOUND-1: a gateway that opens requests without end takes no place that is kept for others", async () => {
  const opening = encodeOpening({
    v: 1,
    method: "GET",
    target: "/slow",
    headers: [],
    body: { kind: "none" },
    gateway: "thief",
  });
  for (let i = 0; i < 600; i++)
    thief.publish(questionSubject(TUNNEL_SUBJECT, "gw1"), opening, { reply: `_INBOX_gw.gw1.x.${i}` });
  await expect.poll(() => coordinator.held).toBe(MAX_STREAMS_PER_GATEWAY);
  expect(await call(gateway.url(), "GET", "/quick")).toMatchObject({ status: 200, json: { of: "/quick" } });
  expect(coordinator.held).toBe(MAX_STREAMS_PER_GATEWAY);
});
