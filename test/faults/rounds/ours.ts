import { setTimeout as delay } from "node:timers/promises";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import packageFile from "../../../package.json" with { type: "json" };
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { deadMarkers } from "../stage.ts";
import { brokerVersion } from "./broker-version.ts";
import { endOf, startLink } from "../../support/link.ts";
import { startProduct } from "./product.ts";
import type { Part, Stand, Subject } from "./subject.ts";

const LOG_BYTES = 1024 ** 3;

/** The product as processes of its own: a gateway, two relays and a broker, with a network between each two that talk. `relayNode`: flags of the relays' Node. */
export async function startOurs(stand: Stand, relayNode: readonly string[] = []): Promise<Subject> {
  await using scope = new AsyncDisposableStack();
  const broker = scope.use(await startTestBroker());
  await provision(await broker.connect("admin"), { logBytes: LOG_BYTES });
  await broker.linkStaging();
  const operator = await broker.connect("operator");
  const gatewayLink = scope.use(await startLink("gateway – broker", endOf(broker.url)));
  const relayLink = scope.use(await startLink("relays – broker", endOf(broker.url)));
  const product = scope.use(
    await startProduct(stand, {
      gatewayAccess: { ...broker.access("gateway", "gw1"), servers: [`nats://${gatewayLink.address}`] },
      relayAccess: { ...broker.access("relay"), servers: [`nats://${relayLink.address}`] },
      gatewayEnv: { RUNNER_RELAY_BROKER_CONFIG: broker.configFile },
      relayNode,
    }),
  );
  const home = scope.move();
  return {
    versions: { "runner-relay": packageFile.version, "nats-server": await brokerVersion() },
    settings: "as shipped; one gateway, two relays, one nats-server with `sync_interval: always`",
    url: product.url,
    parts: [...product.parts, brokerOf(broker)],
    links: [gatewayLink, relayLink],
    own: product.own,
    dead: () => deadMarkers(operator),
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

function brokerOf(broker: TestBroker): Part {
  let restarted: Promise<void> = Promise.resolve();
  return {
    name: "nats-server",
    async kill9(downMs) {
      await restarted;
      await broker.kill9();
      restarted = delay(downMs).then(() => broker.restart());
      restarted.catch(() => undefined); // `ready` tells
    },
    signal: (signal) => void process.kill(broker.pid(), signal),
    ready: () => restarted,
  };
}
