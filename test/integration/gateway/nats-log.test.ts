import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogMessage } from "../../../src/shared/log/append/log.ts";
import { createNatsLog, type NatsLog } from "../../../src/shared/log/append/nats-log.ts";
import { createTokens } from "../../../src/gateway/writes/tokens.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { gatewayInbox } from "../../../src/shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { PATIENCE_MS } from "../../support/eventually.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";

/** Longer than a test may take: what waits for this limit fails. */
const NEVER_MS = 600_000;

let broker: TestBroker;
let log: NatsLog;
let made = 0;

beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
  const connection = await broker.connect("gateway");
  log = createNatsLog({
    connection,
    inbox: `${gatewayInbox("gw1")}.test`,
    newToken: createTokens(),
    clock: systemClock,
  });
});

afterAll(async () => {
  log?.close();
  await broker?.[Symbol.asyncDispose]();
});

function message(
  id = `m${made++}`,
  subject = "rr.ev.0.r.s.event",
  payload: Uint8Array = Buffer.from("x"),
): LogMessage {
  return { subject, head: `Nats-Msg-Id: ${id}\r\n`, payload };
}

async function lastSeq(): Promise<number> {
  const jsm = await jetstreamManager(await broker.connect("admin"));
  return (await jsm.streams.info(EVENTS_STREAM)).state.last_seq;
}

describe("the log behind a real broker", () => {
  test("singles are answered each by itself, in their place", async () => {
    const before = await lastSeq();
    const acks = await log.singles([message("a"), message("b"), message("a")], PATIENCE_MS);
    expect(acks).toEqual([
      { kind: "stored", seq: before + 1, duplicate: false },
      { kind: "stored", seq: before + 2, duplicate: false },
      { kind: "stored", seq: before + 1, duplicate: true },
    ]);
  });

  test("a batch is stored as a whole, in order, with the sequence of its first", async () => {
    const before = await lastSeq();
    const ids = ["b1", "b2", "b3"];
    expect(
      await log.batch(
        ids.map((id) => message(id)),
        3000,
      ),
    ).toEqual({ kind: "stored", firstSeq: before + 1 });
    const jsm = await jetstreamManager(await broker.connect("admin"));
    for (const [i, id] of ids.entries()) {
      const stored = await jsm.direct.getMessage(EVENTS_STREAM, { seq: before + 1 + i });
      expect(stored?.header.get("Nats-Msg-Id")).toBe(id);
    }
  });

  test("one duplicate refuses a batch, and nothing of it is stored", async () => {
    await log.singles([message("known")], PATIENCE_MS);
    const before = await lastSeq();
    const ack = await log.batch([message(), message("known"), message()], PATIENCE_MS);
    expect(ack).toMatchObject({ kind: "refused", detail: expect.stringContaining("10201") as string });
    expect(await lastSeq()).toBe(before);
  });

  test("a denied subject: the single is refused at once, the others are stored, a batch is refused", async () => {
    const denied = (): LogMessage => message(undefined, "rr.dead.x");
    const acks = await log.singles([message(), denied(), message()], NEVER_MS);
    expect(acks.map((ack) => (ack.kind === "refused" ? ack.refusal : ack.kind))).toEqual([
      "stored",
      "log_refused",
      "stored",
    ]);
    expect((await log.batch([message(), denied(), message()], NEVER_MS)).kind).toBe("refused");
  });

  test("what is larger than the broker takes is refused before anything is sent", async () => {
    const before = await lastSeq();
    const large = (): LogMessage => message(undefined, undefined, new Uint8Array(9 * 1024 * 1024));
    expect(await log.singles([large(), message()], PATIENCE_MS)).toMatchObject([
      { kind: "refused", refusal: "log_refused" },
      { kind: "stored" },
    ]);
    expect((await log.batch([message(), large()], PATIENCE_MS)).kind).toBe("refused");
    expect(await lastSeq()).toBe(before + 1);
  });

  test("a listener on the same inbox cannot learn from an ack where the next one goes", async () => {
    const spy = await broker.connect("gateway");
    const heard: string[] = [];
    spy.subscribe(`${gatewayInbox("gw1")}.>`, { callback: (_, { subject }) => void heard.push(subject) });
    await spy.flush();
    await log.singles([message(), message()], PATIENCE_MS);
    await log.batch([message(), message()], PATIENCE_MS);
    await log.singles([message()], PATIENCE_MS);
    await expect.poll(() => heard.length).toBe(4);
    const commits = heard.map((subject) => subject.split(".").at(-2));
    expect(new Set(commits).size).toBe(3);
    for (const commit of commits) expect(commit).toMatch(/^[a-z2-7]{20}$/);
  });

  test("no answer ends with time, a lost connection at once; then it is down until it is back", async () => {
    process.kill(broker.pid(), "SIGSTOP");
    // its threads stop one after the other
    await expect.poll(async () => (await log.singles([message()], 300))[0]?.kind).toBe("unknown");
    const cut = log.batch([message(), message()], NEVER_MS);
    await broker.kill9();
    expect(await cut).toMatchObject({ kind: "unknown" });
    expect(log.up()).toBe(false);
    await log.whenUp(50);
    expect(log.up()).toBe(false);
    await broker.restart();
    await log.whenUp(PATIENCE_MS);
    expect(log.up()).toBe(true);
    expect(await log.singles([message()], PATIENCE_MS)).toMatchObject([{ kind: "stored" }]);
  });
});
