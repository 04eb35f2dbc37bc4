import { setTimeout as delay } from "node:timers/promises";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import packageFile from "../../../package.json" with { type: "json" };
import { startCluster, type Cluster } from "../../support/cluster.ts";
import { deadMarkers } from "../stage.ts";
import { brokerVersion } from "./broker-version.ts";
import { startProduct } from "./product.ts";
import type { Part, Stand, Subject } from "./subject.ts";

const LOG_BYTES = 1024 ** 3;
const SERVERS = [0, 1, 2];
/** A cluster that has just formed may not place a stream yet. */
const PROVISION_MS = 60_000;

/** The product on three servers that replicate: a gateway and two relays. Its clients hear of every server, so that no network can be put between. */
export async function startOursR3(stand: Stand): Promise<Subject> {
  await using scope = new AsyncDisposableStack();
  const cluster = scope.use(await startCluster());
  const admin = await cluster.connect("admin");
  for (const end = performance.now() + PROVISION_MS; ; await delay(500)) {
    try {
      await provision(admin, { logBytes: LOG_BYTES, replicas: SERVERS.length });
      break;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
  const operator = await cluster.connect("operator");
  const product = scope.use(
    await startProduct(stand, {
      gatewayAccess: cluster.access("gateway"),
      relayAccess: cluster.access("relay"),
    }),
  );
  const home = scope.move();
  return {
    versions: { "runner-relay": packageFile.version, "nats-server": await brokerVersion() },
    settings:
      "as shipped; one gateway, two relays, three nats-servers that replicate, with the server's default sync interval",
    url: product.url,
    parts: [...product.parts, ...SERVERS.map((n) => serverOf(cluster, n))],
    links: [],
    own: [],
    dead: () => deadMarkers(operator),
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

function serverOf(cluster: Cluster, n: number): Part {
  let restarted: Promise<void> = Promise.resolve();
  return {
    name: `nats-server ${n}`,
    async kill9(downMs) {
      await restarted;
      restarted = cluster.kill(n, downMs);
      restarted.catch(() => undefined); // `ready` tells
    },
    signal(signal) {
      const pid = cluster.pids()[n];
      if (pid !== undefined) process.kill(pid, signal);
    },
    ready: () => restarted,
  };
}
