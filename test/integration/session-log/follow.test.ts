import { headers } from "@nats-io/nats-core";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { watch, type Watched } from "../../../src/shared/session-log/follow/watch.ts";
import type { OwnerWriter } from "../../../src/shared/session-log/append/owner-writer.ts";
import type { TestBroker } from "../../support/broker.ts";
import { follower, sessionsBroker, worker, type Follower } from "./harness.ts";

const S = "session-1";

let broker: TestBroker;
let ending: AbortController;
let home: Follower;
let write: (session: string, last?: number) => OwnerWriter;

beforeEach(async () => {
  broker = await sessionsBroker();
  ending = new AbortController();
  home = await follower(broker, ending.signal);
  write = await worker(broker, ending.signal);
});
afterEach(async () => {
  ending.abort();
  home.close();
  await broker[Symbol.asyncDispose]();
});

async function put(writer: OwnerWriter, from: number, to: number, bytes = 0): Promise<void> {
  for (let n = from; n <= to; n++) {
    const data = new TextEncoder().encode(String(n).padEnd(bytes));
    expect(await writer.append({ id: `e${n}`, kind: "text", data })).toMatchObject({ kind: "stored" });
  }
}

const show = (item: Watched): string =>
  item.kind === "event"
    ? `${item.event.seq}: ${new TextDecoder().decode(item.event.data).trim()}`
    : JSON.stringify({ ...item, log: undefined });

/** Takes items until one satisfies `last`. */
async function take(
  items: AsyncGenerator<Watched, void>,
  last: (item: string) => boolean,
): Promise<string[]> {
  const taken: string[] = [];
  for (;;) {
    const { value, done } = await items.next();
    if (done === true || value === undefined) return taken;
    taken.push(show(value));
    if (last(taken.at(-1) ?? "")) return taken;
  }
}

const follow = (after: number, log?: string): AsyncGenerator<Watched, void> =>
  watch(home, {
    session: S,
    after: { seq: after, ...(log === undefined ? {} : { log }) },
    signal: ending.signal,
  });
const caughtUp = (item: string): boolean => item.includes("caught_up");

test("WATCH-1: from any cursor a watcher gets what lies above it, then what is stored, and nothing of others", async () => {
  const [mine, other] = [write(S), write("session-2")];
  await put(mine, 1, 2);
  await put(other, 1, 1);
  await put(mine, 3, 3);
  const [all, some, none] = [follow(0), follow(2), follow(4)];
  expect(await take(all, caughtUp)).toEqual(["1: 1", "2: 2", "4: 3", '{"kind":"caught_up","last":4}']);
  expect(await take(some, caughtUp)).toEqual(["4: 3", '{"kind":"caught_up","last":4}']);
  expect(await take(none, caughtUp)).toEqual(['{"kind":"caught_up","last":4}']);
  await put(other, 2, 2);
  await put(mine, 4, 4);
  for (const watcher of [all, some, none])
    expect(await take(watcher, (item) => item === "6: 4")).toEqual(["6: 4"]);
});

test("a long session comes in pages", async () => {
  await put(write(S), 1, 450);
  const taken = await take(follow(0), caughtUp);
  expect(taken.slice(0, -1)).toEqual(Array.from({ length: 450 }, (_, i) => `${i + 1}: ${i + 1}`));
});

test("BOUND-1, WATCH-1: a watcher that does not read for long goes back to the log, and misses nothing", async () => {
  const writer = write(S);
  const watcher = follow(0);
  expect(await take(watcher, caughtUp)).toHaveLength(1);
  await put(writer, 1, 300, 1000); // five times of what waits for it
  const taken = await take(watcher, (item) => item === "300: 300");
  const events = taken.filter((item) => !item.startsWith("{"));
  expect(events).toEqual(Array.from({ length: 300 }, (_, i) => `${i + 1}: ${i + 1}`));
  expect(taken.filter(caughtUp).length).toBeLessThanOrEqual(1);
});

test("WATCH-1: watchers learn which events retention removed before they saw them", async () => {
  const writer = write(S);
  await put(writer, 1, 6);
  const prune = await broker.connect("session-prune");
  await prune.request(`$KV.RR_SES_STATE.floor.${S}`, "5");
  const jsm = await jetstreamManager(prune, { checkAPI: false });
  await jsm.streams.purge("RR_SESSIONS", { filter: `rr.ses.${S}.>`, seq: 5 });
  expect(await take(follow(0), caughtUp)).toEqual([
    '{"kind":"gap","from":1,"to":4}',
    "5: 5",
    "6: 6",
    '{"kind":"caught_up","last":6}',
  ]);
  expect((await take(follow(2), caughtUp))[0]).toBe('{"kind":"gap","from":3,"to":4}');
  expect(await take(follow(4), caughtUp)).toEqual(["5: 5", "6: 6", '{"kind":"caught_up","last":6}']);
});

test("a cursor beyond the end of the log is none of this log: everything comes from the start", async () => {
  await put(write(S), 1, 2);
  expect(await take(follow(99), caughtUp)).toEqual([
    '{"kind":"reset"}',
    "1: 1",
    "2: 2",
    '{"kind":"caught_up","last":2}',
  ]);
});

test("watchers learn that the log was recreated, and read it from its start", async () => {
  await put(write(S), 1, 5);
  const watcher = follow(0);
  expect(await take(watcher, caughtUp)).toHaveLength(6);
  const admin = await jetstreamManager(await broker.connect("admin"));
  const { config } = await admin.streams.info("RR_SESSIONS");
  await admin.streams.delete("RR_SESSIONS");
  await admin.streams.add(config);
  await put(write(S), 1, 2);
  const taken = await take(watcher, (item) => item === "2: 2");
  expect(taken.slice(0, 3)).toEqual(['{"kind":"reset"}', "1: 1", "2: 2"]);
});

test("SEEN-1: a broker's answer sent to rr.live does not make watchers see what the log does not hold", async () => {
  const writer = write(S);
  await put(writer, 1, 1);
  const watcher = follow(0);
  await take(watcher, caughtUp);
  const relay = await broker.connect("relay");
  const head = headers();
  // what the broker says of events of sessions, in a message of another stream
  head.set("Nats-Stream", "RR_SESSIONS");
  head.set("Nats-Sequence", "2");
  head.set("Nats-Subject", `rr.ses.${S}.out.forged`);
  const stored = await relay.request("$KV.RR_STATE.superseded.forged", "forged", {
    headers: head,
    timeout: 5000,
  });
  const { seq } = stored.json<{ seq: number }>();
  const live = `rr.live.${S}.out.forged`;
  relay.publish("$JS.API.DIRECT.GET.KV_RR_STATE", JSON.stringify({ seq }), { reply: live });
  relay.publish("$KV.RR_STATE.superseded.other", "x", { reply: live, headers: head });
  await relay.flush();
  await put(writer, 2, 3);
  expect(await take(watcher, (item) => item === "3: 3")).toEqual(["2: 2", "3: 3"]);
});

test("an event that was stored with the broker's own headers does no harm", async () => {
  const watcher = follow(0);
  await take(watcher, caughtUp);
  const nc = await broker.connect("serve");
  const head = headers();
  for (const [name, value] of [
    ["Nats-Stream", "RR_EVENTS"],
    ["Nats-Sequence", "77"],
    ["Nats-Subject", "rr.ses.session-2.out.text"],
    ["Status", "404"],
  ] as const)
    head.set(name, value);
  await nc.request(`rr.ses.${S}.in.turn.t1`, "odd", { headers: head, timeout: 5000 });
  await put(write(S), 1, 1);
  expect(await take(watcher, (item) => item === "2: 1")).toEqual(["1: odd", "2: 1"]);
  expect((await take(follow(0), caughtUp)).slice(0, 2)).toEqual(["1: odd", "2: 1"]);
});
