import { EventType } from "@ag-ui/client";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AguiEvent } from "../../../../../src/sessions/dialects/ag-ui/agui-event.ts";
import { createReading } from "../../../../../src/sessions/dialects/ag-ui/reading.ts";
import type { Sent } from "../../../../../src/sessions/stream/follow.ts";
import { officialClient } from "../../../../support/agui-client.ts";
import { histories, inLog, LOG, pushed, type Happened } from "../../../../support/agui-histories.ts";

// The client copies and freezes everything for each event where it finds itself in a test.
beforeEach(() => {
  vi.stubEnv("NODE_ENV", "production");
  vi.stubEnv("VITEST_WORKER_ID", "");
  vi.spyOn(console, "warn").mockImplementation((text: unknown) => {
    throw new Error(`the client warns: ${String(text)}`);
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

type Seen = { events: AguiEvent[]; ids: number[] };

/** What a client gets that comes when `there` events lie in the log, and has seen those up to `after`. */
function given(items: readonly Sent[], after: number, there: number, replayBytes?: number): Seen {
  const reading = createReading({
    thread: "s1",
    after,
    ...(replayBytes === undefined ? {} : { replayBytes }),
  });
  const last = seqOf(items[there - 1]);
  const caughtUp: Sent = { kind: "caught_up", last, log: LOG };
  const all = [...items.slice(0, there), caughtUp, ...items.slice(there)].flatMap((it) => reading.take(it));
  const ids = all.flatMap(({ id }) => (id === undefined ? [] : [Number(id.split(".")[0])]));
  return { events: all.map(({ event }) => event), ids };
}

function seqOf(item: Sent | undefined): number {
  return item?.kind === "event" ? item.event.seq : 0;
}

const cut = fc.double({ min: 0, max: 1, noNaN: true });
const story = fc.record({
  history: histories,
  seen: cut,
  there: cut,
  replayBytes: fc.constantFrom(undefined, undefined, 600),
});

test("WATCH-1: 1,000 histories: from any cursor the official client reads without an error, and ends with the same messages", async () => {
  const property = fc.asyncProperty(story, async ({ history, seen, there, replayBytes }) => {
    const items = inLog(history);
    const count = Math.round(there * items.length);
    const before = Math.round(seen * count);
    const after = seqOf(items[before - 1]);
    const whole = officialClient();
    await whole.read(given(items, 0, 0).events);

    const fresh = officialClient();
    await fresh.read(given(items, after, count, replayBytes).events);
    expect(fresh.messages()).toEqual(whole.messages());
    expect(fresh.state()).toEqual(whole.state());

    const returning = officialClient();
    await returning.read(given(items.slice(0, before), 0, 0).events);
    await returning.read(given(items, after, count).events);
    expect(returning.messages()).toEqual(whole.messages());
    expect(returning.state()).toEqual(whole.state());
  });
  await fc.assert(property, { numRuns: 1000 });
});

test("a client that came too late for what was removed keeps it, and reads on", async () => {
  const property = fc.asyncProperty(story, async ({ history, seen }) => {
    const items = inLog(history);
    const before = Math.round(seen * items.length);
    const after = seqOf(items[before - 1]);
    if (before < 1) return;
    const whole = officialClient();
    await whole.read(given(items, 0, 0).events);
    const returning = officialClient();
    await returning.read(given(items.slice(0, before), 0, 0).events);
    const reading = createReading({ thread: "s1", after });
    const floor: Sent = { kind: "gap", from: 1, to: 9, log: LOG };
    const last: Sent = { kind: "caught_up", last: seqOf(items.at(-1)), log: LOG };
    const read = [floor, ...items, last].flatMap((it) => reading.take(it)).map(({ event }) => event);
    expect(read.some(({ type }) => type === "MESSAGES_SNAPSHOT")).toBe(false);
    await returning.read(read);
    expect(returning.messages()).toEqual(whole.messages());
  });
  await fc.assert(property, { numRuns: 150 });
});

const ADD = { op: "add", path: "/a", value: 1 };
const TYPES = Object.values(EventType) as string[];

const MEMBERS =
  "message_id messageId toolCallId tool_call_id toolCallName parentMessageId delta " +
  "role content snapshot name value stepName activityType patch messages runId " +
  "threadId outcome result usage metadata subagentRunId rawEvent timestamp event " +
  "source input";

/** Members as they should be, and as they should not. */
const loose = fc.dictionary(
  fc.constantFrom(...MEMBERS.split(" ")),
  fc.oneof(
    fc.constantFrom("a", "b", "assistant", "", null, 7, true, [], {}, [null], [{ op: "add" }], [ADD]),
    fc.jsonValue({ maxDepth: 2 }),
  ),
  { maxKeys: 6 },
);
const push = fc.record({
  type: fc.constantFrom(...TYPES, "assistant", "tool_use", "user", "note"),
  data: fc.oneof(loose, fc.jsonValue({ maxDepth: 1 })),
});

test("whatever agents outside push, the client takes what comes of it", async () => {
  vi.mocked(console.warn).mockImplementation(() => undefined); // a change of a state that cannot be made is one
  const property = fc.asyncProperty(fc.array(push, { maxLength: 12 }), cut, async (pushes, at) => {
    const items = inLog(pushes.map(({ type, data }) => pushed(type, data)));
    const there = Math.round(at * items.length);
    const [whole, late] = [officialClient(), officialClient()];
    await whole.read(given(items, 0, 0).events);
    await late.read(given(items, 0, there).events);
    expect(late.messages()).toEqual(whole.messages());
  });
  await fc.assert(property, { numRuns: 400 });
});

test("only a place behind which nothing is missing is one to come back to", () => {
  const property = fc.property(story, ({ history, seen, there }) => {
    const items = inLog(history);
    const count = Math.round(there * items.length);
    const after = seqOf(items[Math.round(seen * count) - 1]);
    const { ids } = given(items, after, count);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(ids[0] ?? 0).toBe(seqOf(items[count - 1]));
    const reading = createReading({ thread: "s1", after: 0 });
    for (const item of [{ kind: "caught_up", last: 0, log: LOG } as const, ...items]) {
      const withIds = reading.take(item).map(({ id }) => id !== undefined);
      expect(withIds).toEqual(withIds.map((_, place) => place === withIds.length - 1));
    }
  });
  fc.assert(property);
});

const DONE: Happened[] = [
  { source: "user", kind: "turn", turn: "t1", data: { user_input: "do", message_id: "u1" } },
  { source: "worker", kind: "turn_started", turn: "t1", data: {} },
  { source: "worker", kind: "text", turn: "t1", data: { text: "He", block: "0" } },
  { source: "worker", kind: "text", turn: "t1", data: { text: "llo", block: "0" } },
  { source: "worker", kind: "status", turn: "t1", data: { state: "x" } },
  { source: "worker", kind: "turn_ended", turn: "t1", data: { outcome: "finished" } },
];

test("a run that has ended is in the snapshot, with what no snapshot holds beside it; one that is under way has whole pieces", () => {
  const running: Happened[] = DONE.slice(0, 4).map((it) => ({ ...it, turn: "t2" }));
  const { events } = given(inLog([...DONE, ...running]), 0, 10);
  expect(events.map(({ type }) => type)).toEqual([
    "RUN_STARTED",
    "MESSAGES_SNAPSHOT",
    "RUN_FINISHED",
    "RUN_STARTED",
    "CUSTOM",
    "RUN_FINISHED",
    "RUN_STARTED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
  ]);
  expect(events[1]).toMatchObject({
    messages: [
      { id: "u1", role: "user", content: "do" },
      { id: "rr_16", role: "assistant", content: "Hello" },
    ],
  });
  expect(events.at(-1)).toMatchObject({ messageId: "rr_34", delta: "Hello" });
});
