import { setTimeout as delay } from "node:timers/promises";
import packageFile from "../../../package.json" with { type: "json" };
import { startCluster, type Cluster } from "../../support/cluster.ts";
import { provisionWhenFormed } from "../cluster/home.ts";
import { deadMarkers } from "../stage.ts";
import { brokerVersion } from "./broker-version.ts";
import { startLink, type Link, type LinkState } from "../../support/link.ts";
import { startProduct } from "./product.ts";
import type { OwnNemesis, Part, Stand, Subject } from "./subject.ts";

const SERVERS = [0, 1, 2];
const PAIRS = SERVERS.flatMap((a) => SERVERS.filter((b) => a < b).map((b): [number, number] => [a, b]));
/** A server notices after up to 4 s that a leader is silent, and others elect one then; a leader without the others steps down after 10 s. */
const ALONE_MS = 12_000;

/** The product on three servers that replicate: a gateway and two relays. Its clients hear of every server, so that no network can be put between them and the servers. */
export async function startOursR3(stand: Stand): Promise<Subject> {
  await using scope = new AsyncDisposableStack();
  const between = scope.use(new AsyncDisposableStack());
  const links: PairLink[] = [];
  const cluster = scope.use(
    await startCluster({
      async route(from, to, port) {
        const link = between.use(await startLink(nameOf(from, to), { host: "127.0.0.1", port }));
        links.push({ servers: [from, to], link });
        return link.address;
      },
    }),
  );
  await provisionWhenFormed(cluster);
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
    links: PAIRS.map((pair) => joined(links, pair)),
    own: [...product.own, ...SERVERS.map((n) => alone(links, n))],
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

/** The network by which one server reaches another. */
type PairLink = { servers: [from: number, to: number]; link: Link };

function nameOf(a: number, b: number): string {
  return `nats-server ${Math.min(a, b)} – nats-server ${Math.max(a, b)}`;
}

/** The networks between two servers, whichever of them connects, as one. */
function joined(links: readonly PairLink[], pair: readonly [number, number]): Pick<Link, "name" | "set"> {
  const both = links.filter(({ servers }) => servers.every((server) => pair.includes(server)));
  return { name: nameOf(...pair), set: (state) => setAll(both, state) };
}

/** One server is cut off from the others, for long enough that they elect leaders without it. Clients still reach it. */
function alone(links: readonly PairLink[], server: number): OwnNemesis {
  const its = links.filter(({ servers }) => servers.includes(server));
  return {
    name: `cut off from the others for ${ALONE_MS / 1000} s: nats-server ${server}`,
    async start(forMs) {
      setAll(its, { kind: "cut" });
      return async () => {
        await delay(ALONE_MS - forMs);
        setAll(its, { kind: "open" });
      };
    },
  };
}

function setAll(links: readonly PairLink[], state: LinkState): void {
  for (const { link } of links) link.set(state);
}
