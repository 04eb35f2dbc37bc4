import { expect, test } from "vitest";
import { createDurabilityWatch } from "../../../src/gateway/durability-watch.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import type { SyncKnowledge } from "../../../src/shared/log/durability/read-durability.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const UNKNOWN: SyncKnowledge = { kind: "unknown", why: "it starts" };

/** A watch whose broker says these, one after the other, then the last one for ever. */
function watchOf(said: readonly SyncKnowledge[], monitor: string | undefined = "http://nats:8222") {
  const clock = createFakeClock();
  let asked = 0;
  const watch = createDurabilityWatch({
    connection: { status: () => ({ async *[Symbol.asyncIterator]() {} }) },
    clock,
    logger: silentLogger(),
    sources: { monitor },
    read: async () => said[Math.min(asked++, said.length - 1)] ?? UNKNOWN,
  });
  return { watch, clock, asked: () => asked };
}

test("HONEST-1: a server that does not tell is asked again every 30 s until it does", async () => {
  const { watch, clock, asked } = watchOf([UNKNOWN, UNKNOWN, { kind: "always" }]);
  expect(await watch.check()).toBe("unverified");
  await clock.pass(30_000);
  expect(watch.current()).toBe("unverified");
  await clock.pass(30_000);
  expect(watch.current()).toBe("fsync");
  await clock.pass(120_000);
  expect(asked()).toBe(3);
});

test("HONEST-1: a broker that does not sync is believed; what cannot be asked is not asked again", async () => {
  const lazy = watchOf([{ kind: "not_always" }]);
  expect(await lazy.watch.check()).toBe("unverified");
  expect(lazy.clock.pending()).toBe(0);
  const none = watchOf([UNKNOWN], "");
  const silent = createDurabilityWatch({
    connection: { status: () => ({ async *[Symbol.asyncIterator]() {} }) },
    clock: none.clock,
    logger: silentLogger(),
    sources: {},
    read: async () => UNKNOWN,
  });
  expect(await silent.check()).toBe("unverified");
  expect(none.clock.pending()).toBe(0);
});

test("a watch that is stopped asks no more", async () => {
  const { watch, clock } = watchOf([UNKNOWN]);
  await watch.check();
  watch.stop();
  expect(clock.pending()).toBe(0);
});
