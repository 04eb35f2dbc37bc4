import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import { call, readLog, startTestGateway, type LoggedEvent, type Reply } from "./harness.ts";

const KILLS = 5;

/** Numbers of every (session, epoch), in log order. */
function numbersOf(events: LoggedEvent[]): Map<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (const { envelope } of events) {
    const key = `${envelope.session} ${envelope.epoch}`;
    numbers.set(key, [...(numbers.get(key) ?? []), envelope.seq]);
  }
  return numbers;
}

describe("a broker that is killed", () => {
  test.each([
    ["every write synced", true],
    ["not synced", false],
  ])(
    "DURABLE-1, ORDER-1: kill -9 under load, %s: nothing acknowledged is lost, doubled or out of order",
    async (_, sync) => {
      await using broker = await provisioned(await startTestBroker({ sync }));
      await using gateway = await startTestGateway(
        broker,
        {},
        { durability: () => (sync ? "fsync" : "unverified") },
      );
      const url = gateway.url();
      const acknowledged: { id: unknown; seq: unknown; session: string; i: number }[] = [];
      const statuses = new Map<number, number>();
      let running = true;
      /** One executor: its next event after the answer to the one before. Two of them share each session. */
      const executor = async (n: number): Promise<void> => {
        for (let i = 0; running; i++) {
          const session = `s${n >> 1}`;
          const reply = await call(url, "POST", "/events", { session_id: session, n, i });
          statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
          if (reply.status === 202) {
            acknowledged.push({
              id: reply.json["event_id"],
              seq: reply.json["stream_seq"],
              session: `${session} ${n}`,
              i,
            });
          }
        }
      };
      const executors = Array.from({ length: 40 }, (_unused, n) => executor(n));
      for (let kill = 0; kill < KILLS; kill++) {
        const before = acknowledged.length;
        await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 300);
        await broker.kill9();
        await broker.restart();
      }
      running = false;
      await Promise.all(executors);

      const events = await readLog(broker);
      const ids = events.map(({ envelope }) => envelope.id);
      expect(new Set(ids).size, "stored twice").toBe(ids.length);
      const seqOf = new Map(events.map(({ envelope, seq }) => [envelope.id, seq]));
      expect(
        acknowledged.filter(({ id, seq }) => seqOf.get(String(id)) !== seq),
        "lost",
      ).toEqual([]);
      for (const session of new Set(acknowledged.map((it) => it.session))) {
        const order = acknowledged
          .filter((it) => it.session === session)
          .toSorted((a, b) => Number(a.seq) - Number(b.seq));
        const is = order.map(({ i }) => i);
        expect(is, `${session} out of order`).toEqual(is.toSorted((a, b) => a - b));
      }
      for (const [key, list] of numbersOf(events)) expect(list, key).toEqual(list.map((_unused, i) => i + 1));
      expect(acknowledged.length).toBeGreaterThan(KILLS * 300);
      expect(
        [...statuses.keys()].every((status) => status === 202 || status === 503),
        JSON.stringify([...statuses]),
      ).toBe(true);
    },
  );
});

test("a log that stays away is a 503 with Retry-After, but for those that said that they wait for longer, and afterwards all is well", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using gateway = await startTestGateway(broker);
  const url = gateway.url();
  const send = (session: string): Promise<Reply> => call(url, "POST", "/events", { session_id: session });
  const first = await send("s1");
  await broker.kill9();
  const usual = Promise.all([send("s1"), send("s1"), send("s2")]);
  const patient = call(url, "POST", "/events", { session_id: "s3" }, { prefer: "wait=30" });
  for (const reply of await usual) {
    expect(reply).toMatchObject({ status: 503, json: { code: "log_unreachable" } });
    expect(Number(reply.headers["retry-after"])).toBeGreaterThan(0);
  }
  expect(await call(url, "GET", "/_relay/ready")).toMatchObject({
    status: 503,
    json: { ready: false, dependencies: { log: { state: "down" } } },
  });
  expect((await call(url, "GET", "/_relay/health")).status).toBe(200);
  await broker.restart();
  expect((await patient).status).toBe(202);
  const later = await send("s1");
  expect(later.status).toBe(202);
  const epochs = [first, later].map((reply) => String(reply.json["session_seq"]).split("-")[0]);
  expect(epochs[0]).not.toBe(epochs[1]);
  const events = await readLog(broker);
  for (const [key, list] of numbersOf(events)) expect(list, key).toEqual(list.map((_, i) => i + 1));
});

test("a short outage is not noticed by executors", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using gateway = await startTestGateway(broker);
  await call(gateway.url(), "POST", "/events", { session_id: "s" });
  await broker.kill9();
  const during = call(gateway.url(), "POST", "/events", { session_id: "s" });
  await broker.restart();
  expect(await during).toMatchObject({ status: 202 });
});

test("a full log is a 503; what fits is still taken, and no session's numbers have a gap", async () => {
  await using broker = await provisioned(await startTestBroker());
  const jsm = await jetstreamManager(await broker.connect("admin"));
  await jsm.streams.update(EVENTS_STREAM, { max_bytes: 300_000 });
  await using gateway = await startTestGateway(broker);
  const pad = "x".repeat(20_000);
  const replies = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      call(gateway.url(), "POST", "/events", { session_id: `s${i % 3}`, pad: i % 2 > 0 ? pad : "" }),
    ),
  );
  const full = replies.filter(({ status }) => status === 503);
  expect(full.length).toBeGreaterThan(5);
  for (const reply of full) {
    expect(reply.json).toMatchObject({ code: "log_full" });
    expect(reply.headers["retry-after"]).toBeDefined();
  }
  const events = await readLog(broker);
  expect(events).toHaveLength(60 - full.length);
  for (const [key, list] of numbersOf(events)) expect(list, key).toEqual(list.map((_, i) => i + 1));
});

test("a log that does not exist is a 503, and is used as soon as it exists", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using gateway = await startTestGateway(broker);
  const admin = await jetstreamManager(await broker.connect("admin"));
  await admin.streams.delete(EVENTS_STREAM);
  const gone = await call(gateway.url(), "POST", "/events", { session_id: "s" });
  expect(gone).toMatchObject({ status: 503, json: { code: "log_unreachable" } });
  await provisioned(broker);
  expect((await call(gateway.url(), "POST", "/events", { session_id: "s" })).status).toBe(202);
});
