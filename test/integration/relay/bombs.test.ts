import { eventSubject } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { deadLetters } from "../../../src/shared/log/state/dead-letters.ts";
import { encodeEnvelope, type Envelope } from "../../../src/shared/log/schema/envelope.ts";
import { pack } from "../../../src/shared/base/msgpack.ts";
import { putState } from "../../../src/shared/log/state/state-store.ts";
import { stateKey } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay, type TestRelay } from "../../support/relay.ts";

const MIB = 1024 * 1024;
/** What is larger does not fit into a dead letter with its reason. */
const WHOLE: number = 8 * MIB - 8 * 1024;
const RUNNER = "runner-1";

function envelope(session: string, change: Record<string, unknown> = {}): Uint8Array {
  const whole: Envelope = {
    v: 1,
    id: `id-${session}`,
    kind: "event",
    session,
    runner: RUNNER,
    epoch: "e",
    seq: 1,
    at: Date.now(),
    type: "application/json",
    body: Buffer.from(JSON.stringify({ session_id: session, event_type: "message" })),
  };
  return encodeEnvelope({ ...whole, ...change });
}

/** Of what a program that reads messages must not build, follow or keep. */
const BOMBS: Record<string, (session: string) => Uint8Array> = {
  "millions of empty maps": () =>
    Buffer.concat([Buffer.from([0xdd, 0, 0x30, 0, 0]), Buffer.alloc(3 * MIB, 0x80)]),
  "an array of four billion": () => Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
  "arrays a million deep": () => Buffer.alloc(MIB, 0x91),
  "extensions without end": () => Buffer.alloc(MIB, Buffer.from([0xd4, 0x72, 0x40])),
  "an envelope with a million numbers in it": (session) =>
    envelope(session, { more: Array.from({ length: 1_000_000 }, () => 0) }),
  "a type of a megabyte": (session) => envelope(session, { type: "x".repeat(MIB) }),
  "a runner that no subject can hold": (session) => envelope(session, { runner: "\u0001".repeat(100_000) }),
  "a trace that ends its header": (session) => envelope(session, { trace: "x\r\nauthorization: y" }),
  "another session's envelope": () => envelope("ses_other"),
  "more than a gateway writes": (session) => envelope(session, { id: "a.b", body: Buffer.alloc(5 * MIB) }),
  "as much as the broker takes": (session) =>
    envelope(session, { id: "a.b", body: Buffer.alloc(8 * MIB - 2048) }),
  nothing: () => new Uint8Array(),
};

/** Puts bytes into the log, as a program with a gateway's login can. */
async function put(nc: NatsConnection, session: string, payload: Uint8Array): Promise<number> {
  const reply = await nc.request(eventSubject(RUNNER, session, "event"), payload, { timeout: 20_000 });
  const { seq, error } = reply.json<{ seq: number; error?: { description: string } }>();
  if (error !== undefined) throw new Error(error.description);
  return seq;
}

describe("messages in the log that are made to be expensive", () => {
  const bombs = Object.entries(BOMBS).map(([what, make], i) => {
    const session = `ses_bad_${i}`;
    return { what, session, payload: make(session) };
  });
  const others = Array.from({ length: 16 }, (_, i) => `ses_${i}`);
  const stack = new AsyncDisposableStack();
  const seqs = new Map<string, number>();
  let broker: TestBroker;
  let coordinator: TestCoordinator;
  let relay: TestRelay;

  beforeAll(async () => {
    broker = stack.use(await provisioned(await startTestBroker()));
    coordinator = stack.use(await startCoordinator({ autoCreateSessions: true }));
    const gateway = await broker.connect("gateway");
    const { append } = createAppender(gateway, RUNNER);
    for (const { session, payload } of bombs) seqs.set(session, await put(gateway, session, payload));
    // an event behind each, and sessions in all shards
    for (const session of [...bombs.map((it) => it.session), ...others]) await append(session);
    relay = stack.use(await startTestRelay(broker, coordinator.url));
  });
  afterAll(() => stack.disposeAsync());

  it.each(bombs)(
    "SETTLE-1: $what: a dead letter with its reason, and the next event is delivered",
    async ({ session, payload }) => {
      await expect.poll(() => coordinator.writes(session).length).toBe(1);
      const operator = await broker.connect("operator");
      const jsm = await jetstreamManager(operator, { checkAPI: false });
      const [letter, ...more] = await Array.fromAsync(deadLetters(jsm, session));
      expect(letter).toMatchObject({
        session,
        origSeq: seqs.get(session),
        reason: expect.stringMatching(/^envelope_invalid: /),
      });
      expect(letter?.payload).toHaveLength(payload.length > WHOLE ? 0 : payload.length);
      expect(more).toEqual([]);
    },
  );

  it("ISOLATE-1: sessions beside them are delivered, and the relay lives", async () => {
    for (const session of others) await expect.poll(() => coordinator.writes(session).length).toBe(1);
    expect(relay.fatal).toEqual([]);
  });

  it("SETTLE-1: what a newer version wrote is no bomb, however odd: the relay stops and says so", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await put(
      await broker.connect("gateway"),
      "ses_a",
      pack({ v: 2, later: Array.from({ length: 5000 }, () => ({})) }),
    );
    await using relay = await startTestRelay(broker, coordinator.url);
    await expect.poll(() => relay.fatal.length).toBeGreaterThan(0);
    expect(relay.fatal[0]).toMatchObject({ code: "schema_newer" });
  });

  it("SETTLE-1, ISOLATE-1: a held record that cannot be read parks its session, and ends no relay", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const operator = await broker.connect("operator");
    const { append } = createAppender(await broker.connect("gateway"), RUNNER);
    for (const session of ["ses_bad", "ses_a"]) await append(session);
    const relayUser = await broker.connect("relay");
    await putState(relayUser, stateKey.held("ses_bad"), Buffer.from('{"stream":"RR_EVENTS","seq":7}'));
    await using relay = await startTestRelay(broker, coordinator.url);
    await expect.poll(() => coordinator.writes("ses_a").length).toBe(1);
    expect(coordinator.writes("ses_bad")).toEqual([]);
    expect(relay.fatal).toEqual([]);
    await (await openControl(operator, systemClock)).resumeSession("ses_bad");
    await expect.poll(() => coordinator.writes("ses_bad").length).toBe(1);
    expect(relay.fatal).toEqual([]);
  });
});
