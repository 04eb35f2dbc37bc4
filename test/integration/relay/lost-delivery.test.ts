import type { Msg, NatsConnection, Subscription, SubscriptionOptions } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";

/** A connection on whose way deliveries may be lost, as where a route between servers breaks. */
function lossy(nc: NatsConnection, loses: (msg: Msg) => boolean): NatsConnection {
  return new Proxy(nc, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== "subscribe") return typeof value === "function" ? value.bind(target) : value;
      return (subject: string, options: SubscriptionOptions = {}): Subscription => {
        const { callback } = options;
        if (callback === undefined) return target.subscribe(subject, options);
        return target.subscribe(subject, {
          ...options,
          callback: (error, msg) => (error === null && loses(msg) ? undefined : callback(error, msg)),
        });
      };
    },
  });
}

test("SETTLE-1: the last delivery of a shard is lost, and nothing comes behind it: the event arrives all the same", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  let toLose = 0;
  let lost = 0;
  const loses = ({ reply = "" }: Msg): boolean => {
    if (toLose === 0 || !reply.startsWith("$JS.ACK.")) return false;
    toLose--;
    lost++;
    return true;
  };
  await using relay = await startTestRelay(
    { connect: async (role) => lossy(await broker.connect(role), loses) },
    coordinator.url,
  );
  const { append } = createAppender(await broker.connect("gateway"));
  await append("s1");
  await expect.poll(() => coordinator.writes("s1").length).toBe(1);
  toLose = 1;
  await append("s1");
  await expect.poll(() => coordinator.writes("s1").length).toBe(2);
  expect(lost).toBe(1);
  expect(coordinator.summary()).toMatchObject({ inverted: 0 });
  expect(relay.fatal).toEqual([]);
});
