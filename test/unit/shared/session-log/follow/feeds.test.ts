import { expect, test } from "vitest";
import { createFeed } from "../../../../../src/shared/session-log/follow/feed.ts";
import { createFeeds } from "../../../../../src/shared/session-log/follow/feeds.ts";

const event = (session: string, seq: number) => ({
  seq,
  subject: `rr.ses.${session}.out.text`,
  data: new Uint8Array(1),
});

test("a session's feeds get its events and no others, until they leave", async () => {
  const feeds = createFeeds();
  const [a, b, other] = [createFeed(1000), createFeed(1000), createFeed(1000)];
  const leave = feeds.join("s1", a);
  feeds.join("s1", b);
  feeds.join("s2", other);
  const heard: number[] = [];
  const deafen = feeds.hear(({ seq }) => heard.push(seq));
  feeds.push(event("s1", 1));
  feeds.push(event("s2", 2));
  feeds.push(event("s3", 3));
  deafen();
  expect(heard).toEqual([1, 2, 3]);
  leave();
  feeds.push(event("s1", 4));
  expect(await a.next()).toEqual(event("s1", 1));
  expect([await b.next(), await b.next()]).toEqual([event("s1", 1), event("s1", 4)]);
  expect(await other.next()).toEqual(event("s2", 2));
  feeds.end("deleted", "s2");
  feeds.end("reset");
  feeds.end("rejoin");
  expect([await b.next(), await other.next()]).toEqual(["reset", "deleted"]);
  a.end("stopped");
  expect(await a.next()).toBe("stopped");
});
