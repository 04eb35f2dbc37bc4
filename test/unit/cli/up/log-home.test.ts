import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keepBroker } from "../../../../src/cli/up/log-home.ts";
import type { Broker } from "../../../../src/embedded/server.ts";
import type { StoreLoss } from "../../../../src/embedded/store-watch.ts";
import type { Exit } from "../../../../src/embedded/process.ts";
import { systemClock } from "../../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";

/** A broker that ends when a test says so. */
function fakeBroker(options: { refuse?: number } = {}) {
  const calls: string[] = [];
  let refuse = options.refuse ?? 0;
  let exit = Promise.withResolvers<Exit>();
  const broker: Broker = {
    url: "nats://127.0.0.1:1",
    configFile: "/x",
    staging: { link: async () => undefined, look: async () => undefined, where: () => "disk" },
    access: () => ({ servers: [] }),
    pid: () => 1,
    get exited() {
      return exit.promise;
    },
    async restart() {
      calls.push("restart");
      if (refuse-- > 0) throw new Error("not yet");
      exit = Promise.withResolvers<Exit>();
    },
    async stop() {
      calls.push("stop");
    },
  };
  return { broker, calls, crash: () => exit.resolve({ code: 1, signal: null }) };
}

function keep(
  broker: Broker,
  loss?: StoreLoss,
  storeFolder = tmpdir(),
  signal = new AbortController().signal,
) {
  let failure = Promise.withResolvers<void>();
  const home = keepBroker({
    broker,
    gateway: "gw1",
    storeFolder,
    freeBytes: 1,
    clock: systemClock,
    log: silentLogger(),
    signal,
    watch: { look: () => loss, unsealed: () => [], forget() {}, close() {} },
    writeFailure: () => (failure = Promise.withResolvers<void>()).promise,
  });
  return { home, failWrite: () => failure.resolve() };
}

test("a broker that ended is started again, until it works", async () => {
  const { broker, calls, crash } = fakeBroker({ refuse: 2 });
  const { home } = keep(broker);
  crash();
  await expect.poll(() => calls, { interval: 5 }).toEqual(["restart", "restart", "restart"]);
  await home.stop();
  expect(calls.at(-1)).toBe("stop");
});

test("a broker that met a full disk is started again, because its stream stays dead", async () => {
  const { broker, calls } = fakeBroker();
  const { home, failWrite } = keep(broker);
  await expect.poll(() => calls).toEqual([]);
  failWrite();
  await expect.poll(() => calls, { interval: 5 }).toEqual(["restart"]);
  await home.stop();
});

test("a stop is no crash", async () => {
  const { broker, calls, crash } = fakeBroker();
  const { home } = keep(broker);
  const stopped = home.stop();
  crash();
  await stopped;
  expect(calls).toEqual(["stop"]);
});

test("a broker that ended while `up` is to end is not started again", async () => {
  const { broker, calls, crash } = fakeBroker();
  const { home } = keep(broker, undefined, tmpdir(), AbortSignal.abort());
  crash();
  await home.stop();
  expect(calls).toEqual(["stop"]);
});

test("a broker whose store is gone is not started again: it would make an empty one", async () => {
  const loss: StoreLoss = { path: "/data", how: "removed" };
  const { broker, calls, crash } = fakeBroker();
  const { home } = keep(broker, loss);
  crash();
  expect(await home.store?.lost).toEqual(loss);
  await home.stop();
  expect(calls).toEqual(["stop"]);
});

test("a data folder that is removed to make room on a full disk is a lost store, and no failure of ours", async () => {
  const loss: StoreLoss = { path: "/data", how: "removed" };
  const { broker, calls } = fakeBroker();
  const { home, failWrite } = keep(broker, loss, join(tmpdir(), "rr-nothing-is-here"));
  failWrite();
  expect(await home.store?.lost).toEqual(loss);
  await home.stop();
  expect(calls).toEqual(["stop"]);
});
