import { expect, test } from "vitest";
import { createFeed } from "../../../../../src/shared/session-log/follow/feed.ts";
import type { StoredEvent } from "../../../../../src/shared/session-log/follow/stored-event.ts";

const event = (seq: number, bytes = 100): StoredEvent => ({
  seq,
  subject: "rr.ses.s.out.text",
  data: new Uint8Array(bytes),
});

test("events come out in order, also to one that waits already", async () => {
  const feed = createFeed(10_000);
  const waiting = feed.next();
  for (const seq of [1, 2, 3]) feed.push(event(seq));
  expect([await waiting, await feed.next(), await feed.next()]).toEqual([event(1), event(2), event(3)]);
});

test("BOUND-1: beyond its limit a feed forgets everything and says so, for good", async () => {
  const feed = createFeed(1000);
  for (const seq of [1, 2, 3]) feed.push(event(seq));
  expect(await feed.next()).toEqual(event(1));
  feed.push(event(4));
  feed.push(event(5));
  expect(await feed.next()).toBe("rejoin");
  feed.push(event(6));
  expect(await feed.next()).toBe("rejoin");
});

test("the end of a feed wakes one that waits", async () => {
  const [stopped, other] = [createFeed(1000), createFeed(1000)];
  const waiting = [stopped.next(), other.next()];
  stopped.end("stopped");
  other.end("reset");
  expect(await Promise.all(waiting)).toEqual(["stopped", "reset"]);
});
