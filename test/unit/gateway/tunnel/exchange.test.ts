import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { createExchange, type Exchange } from "../../../../src/gateway/tunnel/exchange.ts";
import type { Wire } from "../../../../src/shared/messages/tunnel/wire.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const silent = (): void => undefined;

function exchange(clock: ReturnType<typeof createFakeClock>, upgrading: boolean): Exchange {
  const wire: Wire = {
    send: silent,
    sendLater: silent,
    write: () => true,
    connect: silent,
    receive: () => ({ kind: "frames", frames: [] }),
    consumed: silent,
    blocked: false,
    onDrain: silent,
    flush: silent,
  };
  const outlet = { head: silent, data: silent, end: silent, fail: silent };
  return createExchange({ wire, outlet, upgrading, clock, ended: silent });
}

test("ISOLATE-1: a body is waited for since its last bytes, until it is whole", async () => {
  const clock = createFakeClock();
  const body = new PassThrough();
  const one = exchange(clock, false);
  expect(one.silentSince).toBeUndefined(); // it has no body so far
  one.pump(body);
  expect(one.silentSince).toBe(clock.now());
  clock.jump(50);
  body.write("more");
  await expect.poll(() => one.silentSince).toBe(clock.now());
  body.end();
  await expect.poll(() => one.silentSince).toBeUndefined();
});

test("nothing is waited for of an executor that asks for an upgrade: the answer is due first", () => {
  const clock = createFakeClock();
  const one = exchange(clock, true);
  one.pump(new PassThrough());
  clock.jump(5000);
  expect(one.silentSince).toBeUndefined();
});
