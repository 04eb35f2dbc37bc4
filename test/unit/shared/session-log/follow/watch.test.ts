import { expect, test } from "vitest";
import type { Feed } from "../../../../../src/shared/session-log/follow/feed.ts";
import type { Hub } from "../../../../../src/shared/session-log/follow/hub.ts";
import type { Leader, LogEnd } from "../../../../../src/shared/session-log/follow/leader.ts";
import { OLD_LEADER_MS } from "../../../../../src/shared/session-log/follow/not-behind.ts";
import type { Pages } from "../../../../../src/shared/session-log/follow/pages.ts";
import type { ReadEvent } from "../../../../../src/shared/session-log/follow/stored-event.ts";
import { watch, type Watched } from "../../../../../src/shared/session-log/follow/watch.ts";
import { createFakeClock, promises, type FakeClock } from "../../../../support/fake-clock.ts";

// A log of one session on three servers, of which the one that answers may have less than the others.

const event = (seq: number): ReadEvent => ({
  seq,
  subject: "rr.ses.s.out.text",
  data: new Uint8Array(1),
  at: 0,
});

/** `leader`, `copy`: the last event that the one who answers has. `newest`: the last that was heard of. */
type World = { leader: number; copy: number; newest: number; log: string };

const ending = new AbortController();

function start(
  world: World,
  after: { seq: number; log?: string } = { seq: 0 },
): { clock: FakeClock; feed: () => Feed; items: string[] } {
  const clock = createFakeClock();
  let feed: Feed | undefined;
  const end = (): LogEnd => ({ last: world.leader, log: world.log, room: 1, replicated: true });
  const leader = {
    end: async () => end(),
    lastOf: async () => world.leader,
    floorOf: async () => 0,
    isDeleted: async () => false,
  } as unknown as Leader;
  const hub = {
    join: (_session: string, joined: Feed) => ((feed = joined), () => undefined),
    newest: () => world.newest,
  } as unknown as Hub;
  const pages: Pages = {
    async read(_filter, from) {
      const events = [];
      for (let seq = from; seq <= world.copy; seq++) events.push(event(seq));
      return { events, more: false, left: 0 };
    },
    close: () => undefined,
  };
  const items: string[] = [];
  const run = async (): Promise<void> => {
    const deps = { hub, pages, leader, clock };
    for await (const item of watch(deps, { session: "s", after, signal: ending.signal }))
      items.push(show(item));
  };
  void run();
  return { clock, feed: () => feed as Feed, items };
}

const show = (item: Watched): string => (item.kind === "event" ? String(item.event.seq) : item.kind);

test("WATCH-1: a copy that is behind is asked again, up to the event that the leader names", async () => {
  const world = { leader: 5, copy: 3, newest: 0, log: "a" };
  const { clock, items } = start(world);
  await clock.pass(200);
  expect(items).toEqual(["1", "2", "3"]);
  world.copy = 5;
  await clock.pass(50);
  expect(items).toEqual(["1", "2", "3", "4", "5", "caught_up"]);
});

test("WATCH-1: one that was the leader and knows less than was heard of is not believed", async () => {
  const world = { leader: 3, copy: 3, newest: 5, log: "a" }; // 4 and 5 were handed out before this watcher came
  const { clock, feed, items } = start(world);
  await clock.pass(200);
  expect(items).not.toContain("caught_up");
  Object.assign(world, { leader: 5, copy: 5 });
  await clock.pass(50);
  feed().push(event(6));
  await promises();
  expect(items).toEqual(["1", "2", "3", "4", "5", "caught_up", "6"]);
});

test("a log that lost what was heard of is believed after the longest time that an old leader answers", async () => {
  const world = { leader: 3, copy: 3, newest: 5, log: "a" };
  const { clock, items } = start(world);
  await clock.pass(OLD_LEADER_MS - 100);
  expect(items).toEqual([]);
  await clock.pass(200);
  expect(items).toEqual(["1", "2", "3", "caught_up"]);
});

test("a watcher whose session is deleted does not wait for what was heard of", async () => {
  const world = { leader: 0, copy: 0, newest: 5, log: "a" };
  const { clock, feed, items } = start(world);
  await clock.pass(50);
  feed().end("deleted");
  await clock.pass(50);
  expect(items.at(-1)).toBe("closed");
});

test("WATCH-1: a cursor above the end of an old leader's log is not one of another log", async () => {
  const world = { leader: 3, copy: 5, newest: 5, log: "a" };
  const { clock, items } = start(world, { seq: 5, log: "a" });
  await clock.pass(200);
  expect(items).toEqual([]);
  world.leader = 5;
  await clock.pass(50);
  expect(items).toEqual(["caught_up"]);
});

test("a cursor of another log is known at once, and one above the end after the longest time", async () => {
  const world = { leader: 3, copy: 3, newest: 3, log: "a" };
  const [other, above] = [start(world, { seq: 9, log: "b" }), start(world, { seq: 9 })];
  await other.clock.pass(1);
  expect(other.items).toEqual(["reset", "1", "2", "3", "caught_up"]);
  await above.clock.pass(OLD_LEADER_MS + 100);
  expect(above.items).toEqual(["reset", "1", "2", "3", "caught_up"]);
});
