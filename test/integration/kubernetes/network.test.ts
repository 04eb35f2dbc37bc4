import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { FAULTS } from "../../support/kube/faults.ts";
import {
  KUBERNETES,
  OVERLAYS,
  parse,
  renderText,
  workloadsOf,
  type Manifest,
  type Overlay,
} from "../../support/kube/manifests.ts";
import { lets, wrongPortNames, type End } from "../../support/kube/policies.ts";

const NAMESPACE = "runner-relay";
/** Everybody who could want to reach somebody. */
const OUTSIDE: Readonly<Record<string, End>> = {
  internet: { address: "203.0.113.7" },
  metadata: { address: "169.254.169.254" },
  "api-server": { address: "172.18.0.2" },
  neighbour: { address: "10.1.2.3" },
  dns: { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
  "openshift-dns": {
    namespace: "openshift-dns",
    labels: { "dns.operator.openshift.io/daemonset-dns": "default" },
  },
  gateways: { namespace: "gateways", labels: {} },
  router: {
    namespace: "openshift-ingress",
    namespaceLabels: { "policy-group.network.openshift.io/ingress": "" },
    labels: {},
  },
  monitoring: { namespace: "monitoring", labels: {} },
  tenant: {
    namespace: "tenant",
    labels: {
      "runner-relay/broker": "client",
      "runner-relay/sessions": "client",
      "app.kubernetes.io/name": "nats",
    },
  },
  pod: {
    namespace: "pods",
    namespaceLabels: { "runner-relay/sessions": "clients" },
    labels: { "runner-relay/sessions": "client" },
  },
  "other-pod": { namespace: "pods", namespaceLabels: { "runner-relay/sessions": "clients" }, labels: {} },
};
const PORTS = [53, 80, 443, 4222, 5353, 6222, 6443, 8002, 8003, 8222, 8766, 8767, 8768, 8769];

const OF_BROKER = ["relay", "serve", "tokens", "worker", "console", "provision", "prune", "session-prune"];
const BROKER = OF_BROKER.map((it) => `${it} nats 4222`);
const PODS = ["pod serve 8002", "pod tokens 8769"];
/** The API server may have any private address, so that others on its ports cannot be told from it. */
const REVIEWS = ["api-server", "neighbour"].flatMap((it) => [`tokens ${it} 443`, `tokens ${it} 6443`]);
const INSIDE = [...BROKER, ...PODS, ...REVIEWS, "nats nats 6222", "console nats 8222"];
const CLUSTER = [...INSIDE, "relay internet 443", "monitoring relay 8767", "monitoring serve 8002"];
const EXPECTED: Record<Overlay, string[]> = {
  local: [...INSIDE, "runner nats 4222", "runner nats 8222"],
  production: [...CLUSTER, "gateways serve 8002"],
  openshift: [...CLUSTER, "router serve 8002"],
};

/** Every connection that is let through, but those to name servers. */
function letThrough(manifests: readonly Manifest[]): { all: string[]; names: Set<string> } {
  const pods = workloadsOf(manifests).map(({ name, template, containers }): [string, End] => {
    const { labels } = template.metadata;
    const ports = containers
      .flatMap((it) => it.ports ?? [])
      .map((it) => [it.name, it.containerPort] as const);
    return [name, { namespace: NAMESPACE, labels, ports: Object.fromEntries(ports) }];
  });
  const ends = [...pods, ...Object.entries(OUTSIDE)];
  const inside = new Set(pods.map(([name]) => name));
  const all: string[] = [];
  const names = new Set<string>();
  for (const [from, source] of ends)
    for (const [to, target] of ends) {
      if (!inside.has(from) && !inside.has(to)) continue;
      for (const port of PORTS) {
        if (lets(manifests, { from: source, to: target, port })) {
          if (to.endsWith("dns")) names.add(`${from} ${to} ${port}`);
          else all.push(`${from} ${to} ${port}`);
        }
      }
    }
  return { all, names };
}

describe.each(OVERLAYS)("%s", (overlay) => {
  let manifests: Manifest[];
  beforeAll(async () => {
    manifests = parse(await renderText(join(KUBERNETES, "overlays", overlay)));
  });

  test("nobody reaches anybody but whom he needs", () => {
    expect(letThrough(manifests).all.toSorted()).toEqual(EXPECTED[overlay].toSorted());
  });

  test("everybody may ask for names, of the cluster's servers only", () => {
    const [server, port] =
      overlay === "openshift" ? (["openshift-dns", 5353] as const) : (["dns", 53] as const);
    const expected = workloadsOf(manifests).map(({ name }) => `${name} ${server} ${port}`);
    expect([...letThrough(manifests).names].toSorted()).toEqual(expected.toSorted());
    const [from] = workloadsOf(manifests);
    const end: End = { namespace: NAMESPACE, labels: from?.template.metadata.labels ?? {} };
    const to = OUTSIDE[server as "dns"] as End;
    expect(lets(manifests, { from: end, to, port, protocol: "UDP" })).toBe(true);
  });

  test("names of ports are ones that an API server takes", () => {
    const names = workloadsOf(manifests).flatMap(({ containers }) =>
      containers.flatMap((it) => it.ports ?? []),
    );
    expect(names.length).toBeGreaterThan(4);
    expect(wrongPortNames(names.map(({ name }) => name))).toEqual([]);
  });
});

test.each(FAULTS.filter(({ seenBy }) => seenBy === "the rules of networks"))(
  "a fault is found: $name",
  async ({ change }) => {
    const manifests = parse(change(await renderText(join(KUBERNETES, "overlays/production"))));
    const names = workloadsOf(manifests).flatMap(({ containers }) =>
      containers.flatMap((it) => it.ports ?? []),
    );
    const wrong = wrongPortNames(names.map(({ name }) => name));
    if (wrong.length === 0) expect(() => letThrough(manifests)).toThrow(/a peer is wrong/);
  },
);
