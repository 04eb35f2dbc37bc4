import { eventSubject } from "../../support/eight-shards.ts";
import { once } from "node:events";
import { connect } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { encodeEnvelope } from "../../../src/shared/log/schema/envelope.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { walk } from "../../../src/shared/log/follow/walk.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";

const NO_NAME = "NATS/1.0\r\nbad name: x\r\n\r\n";
const HEADS = {
  "a name with a space": NO_NAME,
  "a line break within a value": "NATS/1.0\r\nX: a\nb\r\n\r\n",
  "a status line": "NATS/1.0 503 gone\r\nX: y\r\n\r\n",
  "a pin of its own": "NATS/1.0\r\nNats-Pin-Id: mine\r\n\r\n",
  "a pin in small letters": "NATS/1.0\r\nnats-pin-id: mine\r\n\r\n",
  "no end": "NATS/1.0\r\nX: yz",
};

/** Puts an event into the log as no client library would: the broker takes any bytes for headers. */
async function appendRaw(broker: TestBroker, session: string, head: string): Promise<void> {
  const body = { session_id: session, event_type: "message", timestamp: new Date().toISOString() };
  const payload = encodeEnvelope({
    v: 1,
    id: "odd",
    kind: "event",
    session,
    runner: "runner-1",
    epoch: "e1",
    seq: 1,
    at: Date.now(),
    type: "application/json",
    body: Buffer.from(JSON.stringify(body)),
  });
  const { user, password: pass } = broker.access("gateway", "gw1");
  const { hostname, port } = new URL(broker.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "data"); // INFO
  socket.write(`CONNECT ${JSON.stringify({ user, pass, headers: true, verbose: false })}\r\n`);
  const subject = eventSubject("runner-1", session, "event");
  socket.write(`HPUB ${subject} ${head.length} ${head.length + payload.length}\r\n${head}`);
  socket.write(payload);
  socket.write("\r\nPING\r\n");
  for (let said = ""; !said.includes("PONG"); said += String((await once(socket, "data"))[0]))
    if (said.includes("-ERR")) throw new Error(said);
  socket.destroy();
}

describe("headers that no gateway of ours writes", () => {
  for (const [what, head] of Object.entries(HEADS)) {
    it(`SETTLE-1, ISOLATE-1: ${what}: the event is delivered, and so is what follows`, async () => {
      await using broker = await provisioned(await startTestBroker());
      await using coordinator = await startCoordinator({ autoCreateSessions: true });
      const { append } = createAppender(await broker.connect("gateway"));
      await appendRaw(broker, "ses_a", head); // the first that a relay gets, so that it has no pin yet
      for (const session of ["ses_a", "ses_b"]) await append(session);
      await using relay = await startTestRelay(broker, coordinator.url);
      await expect.poll(() => coordinator.writes("ses_a").length).toBe(2);
      await expect.poll(() => coordinator.writes("ses_b").length).toBe(1);
      expect(relay.fatal).toEqual([]);
    });
  }

  it("SETTLE-1: a lane that left such an event to the log reads it from there", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url);
    await coordinator.stop();
    const { append } = createAppender(await broker.connect("gateway"));
    for (let i = 0; i < 120; i++) await append("ses_a");
    await appendRaw(broker, "ses_a", NO_NAME);
    for (let i = 0; i < 3; i++) await append("ses_a");
    const waiting = async (): Promise<unknown> => JSON.parse((await relay.get("/status")).text).lanes.waiting;
    await expect.poll(waiting).toBe(124);
    await coordinator.start();
    await expect.poll(() => coordinator.summary().keys).toBe(124);
    expect(coordinator.summary()).toMatchObject({ inverted: 0 });
    expect(relay.fatal).toEqual([]);
  });

  it("a walk over such an event reads it", async () => {
    await using broker = await provisioned(await startTestBroker());
    for (const head of Object.values(HEADS)) await appendRaw(broker, "ses_a", head);
    const operator = await broker.connect("operator");
    const jsm = await jetstreamManager(operator, { checkAPI: false });
    const read = await Array.fromAsync(walk(jsm, EVENTS_STREAM, "rr.ev.>"));
    expect(read.map(({ seq, subject }) => [seq, subject])).toEqual(
      Object.values(HEADS).map((_, i) => [i + 1, eventSubject("runner-1", "ses_a", "event")]),
    );
  });
});
