import { NoRespondersError, TimeoutError, type NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { followLog, liesElsewhere } from "../../../../src/relay/source/log-link.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const jsmOf = (domain: string | undefined) =>
  ({ getAccountInfo: () => Promise.resolve({ domain }) }) as unknown as Parameters<typeof liesElsewhere>[1];

test.each<{ why: string; info: object | undefined; domain: string | undefined; elsewhere: boolean }>([
  { why: "a broker of one's own", info: { jetstream: true }, domain: undefined, elsewhere: false },
  {
    why: "the host's own server",
    info: { jetstream: true, domain: "leaf1" },
    domain: "leaf1",
    elsewhere: false,
  },
  { why: "a hub without JetStream", info: { jetstream: false }, domain: "leaf1", elsewhere: true },
  {
    why: "a hub with its own JetStream",
    info: { jetstream: true, domain: "hub" },
    domain: "leaf1",
    elsewhere: true,
  },
])("where the log lies: $why", async ({ info, domain, elsewhere }) => {
  expect(await liesElsewhere({ info } as Pick<NatsConnection, "info">, jsmOf(domain))).toBe(elsewhere);
});

/** A log whose answers the test sets, and what was said of it. */
function world() {
  const clock = createFakeClock();
  const said: string[] = [];
  const confirmed: number[] = [];
  let answer: () => Promise<unknown> = () => Promise.resolve("there");
  let connected = true;
  let pulledAt = 0;
  const link = followLog({
    nc: { request: () => answer() } as unknown as Pick<NatsConnection, "request">,
    clock,
    connected: () => connected,
    leased: [{ pinnedPullAt: () => pulledAt, confirm: (at) => confirmed.push(at) }],
    lost: () => said.push("lost"),
    regained: () => said.push("regained"),
  });
  return {
    clock,
    said,
    confirmed,
    link,
    answers: (next: () => Promise<unknown>) => (answer = next),
    pulled: (at: number) => (pulledAt = at),
    connect: (is: boolean) => (connected = is),
  };
}

test("ORDER-1: only an answer of the log itself confirms a lease, and only for what was pulled before the question", async () => {
  const { clock, confirmed, answers, pulled, link } = world();
  await clock.pass(250);
  expect(confirmed, "nothing was pulled").toEqual([]);
  pulled(1000);
  const late = Promise.withResolvers<unknown>();
  answers(() => late.promise);
  await clock.pass(250);
  pulled(1400);
  expect(confirmed).toEqual([]);
  late.resolve("there");
  await clock.pass(0);
  expect(confirmed).toEqual([1000]);
  answers(() => Promise.reject(new NoRespondersError("$JS.API.INFO")));
  await clock.pass(1000);
  expect(confirmed).toEqual([1000]);
  link.stop();
});

test.each([new NoRespondersError("$JS.API.INFO"), new TimeoutError()])(
  "a log that does not answer (%s) is lost, and regained when it answers, once each",
  async (error) => {
    const { clock, said, answers, link } = world();
    answers(() => Promise.reject(error));
    await clock.pass(2000);
    expect(said).toEqual(["lost"]);
    expect(link.up()).toBe(false);
    answers(() => Promise.resolve("there"));
    await clock.pass(2000);
    expect(said).toEqual(["lost", "regained"]);
    expect(link.up()).toBe(true);
    link.stop();
    answers(() => Promise.reject(error));
    await clock.pass(2000);
    expect(said).toHaveLength(2);
    expect(clock.pending()).toBe(0);
  },
);

test("while the connection to the hub is lost, nothing is asked, and nothing said of the log", async () => {
  const { clock, said, answers, connect, link } = world();
  let asked = 0;
  answers(() => {
    asked++;
    return Promise.reject(new TimeoutError());
  });
  connect(false);
  await clock.pass(2000);
  expect({ asked, said, up: link.up() }).toEqual({ asked: 0, said: [], up: true });
  connect(true);
  await clock.pass(300);
  expect(said).toEqual(["lost"]);
  link.stop();
});
