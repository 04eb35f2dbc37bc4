import { SHARDS, sessionFilter } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { createFinished } from "../../../src/operate/replay/finished.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { walk, walkOneByOne } from "../../../src/shared/log/follow/walk.ts";
import { startTestBroker } from "../../support/broker.ts";
import { createAppender, provisioned } from "../../support/relay.ts";

async function setUp() {
  const broker = await provisioned(await startTestBroker());
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const reader = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const { append } = createAppender(await broker.connect("gateway"), "r1");
  return { append, reader };
}

async function sequences(messages: AsyncIterable<{ seq: number }>): Promise<number[]> {
  const found: number[] = [];
  for await (const { seq } of messages) found.push(seq);
  return found;
}

test("a log read one by one gives what one walk gives, whatever the range", async () => {
  const { append, reader } = await setUp();
  const sessions = ["s1", "s2", "s1", "s1", "s2", "s1", "s2", "s1"];
  for (const session of sessions) await append(session);
  const filter = sessionFilter("s1");
  for (let from = 1; from <= sessions.length + 1; from++) {
    const whole = await sequences(walk(reader, EVENTS_STREAM, filter, from));
    expect(whole).toEqual([1, 3, 4, 6, 8].filter((seq) => seq >= from));
    expect(await sequences(walkOneByOne(reader, EVENTS_STREAM, filter, from))).toEqual(whole);
  }
});

test("a session's end is its last report that ends a run, not a later one that begins it", async () => {
  const { append, reader } = await setUp();
  const report = (name: string) => ({ kind: "run" as const, run: { id: "run1", report: name } });
  await append("s1", {}, report("started"));
  const finished = (): Promise<number> => createFinished(reader, SHARDS)("s1");
  expect(await finished()).toBe(0);
  const { seq } = await append("s1", {}, report("completed"));
  expect(await finished()).toBe(seq);
  await append("s1", {}, report("started"));
  await append("s2", {}, report("completed"));
  expect(await finished()).toBe(seq);
});
