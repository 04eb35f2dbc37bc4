import { expect, test } from "vitest";
import { createReader } from "../../../../src/console/watch/reader.ts";
import { Samples } from "../../../../src/console/watch/samples.ts";
import type { LogStatus } from "../../../../src/shared/messages/status/log-status.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const statusOf = (events: number): LogStatus =>
  ({ backlog: { events }, log: { lastSeq: 10 * events }, dead: { messages: 0 } }) as unknown as LogStatus;

/** A broker that takes `ms` for an answer; `ms` and the rest may change while it runs. */
function setUp(broker: { ms: number; connected?: boolean; fails?: boolean }) {
  const clock = createFakeClock();
  const samples = new Samples();
  let asked = 0;
  const reader = createReader({
    clock,
    samples,
    connected: () => broker.connected ?? true,
    delivered: () => 0,
    query: () =>
      new Promise((resolve, reject) => {
        const n = ++asked;
        clock.after(broker.ms, () => (broker.fails ? reject(new Error("503")) : resolve(statusOf(n))));
      }),
  });
  return { clock, samples, reader, broker, asked: () => asked };
}

const backlogs = (samples: Samples, now: number): number[] =>
  samples.since(now, 900_000).map(({ backlog }) => backlog);

test("the log is read once a second, and several pages at once share one question", async () => {
  const { clock, samples, reader, asked } = setUp({ ms: 20 });
  const both = Promise.all([reader.read(), reader.read()]);
  await clock.pass(20);
  expect((await both).map(({ known }) => known?.status.backlog.events)).toEqual([1, 1]);
  reader.start();
  await clock.pass(9_990);
  expect(asked()).toBe(11);
  expect(backlogs(samples, clock.wall())).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
  reader.stop();
  await clock.pass(10_000);
  expect(asked()).toBe(11);
});

test("where reading takes long it takes a twentieth of the time, and pages show what was known", async () => {
  const { clock, reader, broker, asked } = setUp({ ms: 10 });
  reader.start();
  await clock.pass(1500);
  broker.ms = 3000;
  const before = asked();
  await clock.pass(120_000);
  expect(asked() - before).toBeLessThanOrEqual(3);
  const page = reader.read();
  await clock.pass(1500);
  const { known, error } = await page;
  expect(known).toBeDefined();
  expect(error).toBe("the broker is slow to answer"); // the last reading is a minute old
});

test("a broker that is away costs no page a wait; what was known stays, and the charts have a hole", async () => {
  const { clock, samples, reader, broker } = setUp({ ms: 10 });
  reader.start();
  await clock.pass(2500);
  broker.connected = false;
  expect(await reader.read()).toMatchObject({
    known: { status: { backlog: { events: 3 } } },
    error: "the broker is not connected",
  });
  await clock.pass(2000);
  broker.connected = true;
  await clock.pass(3000);
  expect(backlogs(samples, clock.wall()).some(Number.isNaN)).toBe(true);
  const page = reader.read();
  await clock.pass(10);
  expect((await page).error).toBeUndefined();
});

test("a broker that answers with an error is quoted", async () => {
  const { clock, reader } = setUp({ ms: 10, fails: true });
  const page = reader.read();
  await clock.pass(10);
  expect(await page).toEqual({ error: "503" });
});
