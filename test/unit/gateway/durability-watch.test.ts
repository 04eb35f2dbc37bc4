import { expect, test } from "vitest";
import { createDurabilityWatch } from "../../../src/gateway/durability-watch.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import type { SyncKnowledge, SyncSources } from "../../../src/shared/log/durability/read-durability.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const UNKNOWN: SyncKnowledge = { kind: "unknown", why: "it starts" };

/** A watch whose broker says these, one after the other, then the last one for ever. */
function watchOf(said: readonly SyncKnowledge[], sources: SyncSources = { monitor: "http://nats:8222" }) {
  const clock = createFakeClock();
  let asked = 0;
  const watch = createDurabilityWatch({
    connection: { status: () => ({ async *[Symbol.asyncIterator]() {} }) },
    clock,
    logger: silentLogger(),
    sources,
    read: async () => said[Math.min(asked++, said.length - 1)] ?? UNKNOWN,
  });
  return { watch, clock, asked: () => asked };
}

test("HONEST-1: servers are asked every 30 s, whether they told or not", async () => {
  const { watch, clock } = watchOf([UNKNOWN, UNKNOWN, { kind: "always" }, { kind: "not_always" }]);
  expect(await watch.check()).toBe("unverified");
  await clock.pass(30_000);
  expect(watch.current()).toBe("unverified");
  await clock.pass(30_000);
  expect(watch.current()).toBe("fsync");
  await clock.pass(30_000); // one of them was restarted, which its clients notice, and this process is none of them
  expect(watch.current()).toBe("unverified");
});

test("HONEST-1: a configuration that was read is not read again before the next reconnect, nor is asked what cannot be", async () => {
  const file = watchOf([{ kind: "always" }], { configFile: "nats-server.conf" });
  expect(await file.watch.check()).toBe("fsync");
  expect(file.clock.pending()).toBe(0);
  const hidden = watchOf([UNKNOWN, { kind: "always" }], { configFile: "nats-server.conf" });
  expect(await hidden.watch.check()).toBe("unverified");
  await hidden.clock.pass(30_000);
  expect(hidden.watch.current()).toBe("fsync");
  const none = watchOf([UNKNOWN], {});
  expect(await none.watch.check()).toBe("unverified");
  expect(none.clock.pending()).toBe(0);
});

test("a watch that is stopped asks no more", async () => {
  const { watch, clock } = watchOf([UNKNOWN]);
  await watch.check();
  watch.stop();
  expect(clock.pending()).toBe(0);
});
