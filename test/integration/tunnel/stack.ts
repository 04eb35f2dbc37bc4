import { SHARDS } from "../../support/eight-shards.ts";
import { createGateway, type Gateway, type GatewayDeps } from "../../../src/gateway/gateway.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned, startTestRelay, type TestRelay, type TestRelayOptions } from "../../support/relay.ts";

/** Broker, relay and gateway in front of an upstream, in the test's process. */
export type Stack = {
  broker: TestBroker;
  relay: TestRelay;
  gateway: Gateway;
  url: string;
  /** Requests under way in gateway and relay together, as their metrics tell. */
  size(): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startStack(
  upstream: string,
  options: TestRelayOptions = {},
  times?: GatewayDeps["times"],
  gatewayOptions: Partial<GatewayDeps["options"]> = {},
): Promise<Stack> {
  const broker = await provisioned(await startTestBroker());
  const gateway = createGateway({
    shardCount: SHARDS,
    options: {
      port: 0,
      listen: "127.0.0.1",
      inboundToken: undefined,
      gateway: "gw1",
      runner: "runner-1",
      hostname: "host-1",
      profile: "coding",
      answerWaitMs: 2000,
      drainMs: 2000,
      maxBodyBytes: 4 * 1024 * 1024,
      sessionMaxEvents: 50_000,
      sessionMaxBytes: 256 * 1024 * 1024,
      ...gatewayOptions,
    },
    connection: await broker.connect("gateway"),
    keptPort: { read: () => undefined, keep: () => {} },
    keptRuns: { read: () => [], write() {} },
    keptRunners: { read: () => [], write() {} },
    keptShield: {
      handouts: { read: () => [], write() {} },
      registrations: { read: () => [], write() {} },
      removals: { read: () => [], write() {} },
    },
    keySecret: "a secret of this test",
    durability: () => "fsync",
    version: "test",
    clock: systemClock,
    logger: silentLogger(),
    linesDropped: () => 0,
    ...(times === undefined ? {} : { times }),
  });
  await gateway.listen();
  const relay = await startTestRelay(broker, upstream, options);
  return {
    broker,
    relay,
    gateway,
    url: gateway.url(),
    async size() {
      const texts = [
        await (await fetch(`${gateway.url()}/_relay/metrics`)).text(),
        (await relay.get("/metrics")).text,
      ];
      const levels = texts.map(
        (text) => /^runner_relay_(?:gateway_)?passing_requests (\d+)$/m.exec(text)?.[1],
      );
      return levels.reduce((sum, level) => sum + Number(level), 0);
    },
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await relay.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}
