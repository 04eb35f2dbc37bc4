import { describe, expect, test } from "vitest";
import type { NatsConnection } from "@nats-io/nats-core";
import { guardStore, lossReport, type Held } from "../../../../src/cli/up/store-guard.ts";
import type { StoreLoss } from "../../../../src/embedded/store-watch.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

describe("what is said of a store that is lost", () => {
  test.each<[StoreLoss, Held, string]>([
    [
      { path: "/d", how: "removed" },
      { events: 3, letters: 1 },
      "/d was removed while the broker ran: at least 3 acknowledged events that were pending there are lost, 1 dead letter too. Restore a copy if there is one, then start again.",
    ],
    [
      { path: "/d", how: "removed" },
      { events: 1, letters: 0 },
      "/d was removed while the broker ran: at least 1 acknowledged event that was pending there is lost. Restore a copy if there is one, then start again.",
    ],
    [
      { path: "/d", how: "removed" },
      { events: 0, letters: 0 },
      "/d was removed while the broker ran: no event was pending there. Restore a copy if there is one, then start again.",
    ],
    [
      { path: "/d", how: "replaced" },
      { events: undefined, letters: undefined },
      "/d was replaced by another folder while the broker ran: the acknowledged events that were pending there are lost, and could not be counted, the dead letters too. Restore a copy if there is one, then start again.",
    ],
    [
      { path: "/d", how: "moved", to: "/e" },
      { events: 2, letters: 0 },
      "/d was moved away while the broker ran, to /e: at least 2 acknowledged events that were pending there are with it. Put it back, then start again.",
    ],
    [
      { path: "/d/RR_DEAD", how: "removed", stream: "RR_DEAD" },
      { events: 9, letters: 2 },
      "/d/RR_DEAD was removed while the broker ran: 2 dead letters are lost. Restore a copy if there is one, then start again.",
    ],
    [
      { path: "/d/KV_RR_STATE", how: "emptied", stream: "KV_RR_STATE" },
      { events: 9, letters: 2 },
      "the messages in /d/KV_RR_STATE were removed while the broker ran: the relays' state is lost. Restore a copy if there is one, then start again.",
    ],
  ])("%j", (loss, held, text) => expect(lossReport(loss, held)).toBe(text));
});

test("a folder that is removed from the inside out is named whole at the end", async () => {
  const ended = Promise.withResolvers<void>();
  const looks: StoreLoss[] = [];
  const guard = guardStore({
    store: {
      watch: {
        look: () => looks.at(-1),
        unsealed: () => [],
        forget: () => undefined,
        close: () => undefined,
      },
      staging: { link: async () => undefined, look: async () => undefined },
      lost: Promise.resolve({ path: "/d/RR_DEAD", how: "removed", stream: "RR_DEAD" }),
      end: async () => ended.resolve(),
    },
    admin: { isClosed: () => true } as NatsConnection, // it cannot be asked any more
    clock: createFakeClock(),
    log: silentLogger(),
  });
  await ended.promise;
  expect(guard.lost()).toMatch(/^\/d\/RR_DEAD was removed .*: the dead letters are lost/);
  looks.push({ path: "/d", how: "removed" });
  expect(guard.lost()).toMatch(
    /^\/d was removed .*: the acknowledged events that were pending there are lost/,
  );
  looks.push({ path: "/d", how: "replaced" }); // somebody brought back a copy
  expect(guard.lost()).toMatch(/^\/d was removed/);
  guard.stop();
});
