import { BlockList, isIP } from "node:net";
import type { Manifest } from "./manifests.ts";

// No network of pods can be had without a cluster: this reads NetworkPolicies as their API describes them, and says what they let through. It knows what
// ours use, and throws at everything else.

type Labels = Readonly<Record<string, string>>;
type Selector = {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: string; values: string[] }[];
};
type Peer = {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
};
type Rule = { from?: Peer[]; to?: Peer[]; ports?: { protocol: string; port: string | number }[] };
type Policy = { podSelector: Selector; policyTypes: string[]; ingress?: Rule[]; egress?: Rule[] };

/** One end of a connection: a pod, or an address outside of the cluster. */
export type End =
  | { namespace: string; namespaceLabels?: Labels; labels: Labels; ports?: Readonly<Record<string, number>> }
  | { address: string };
type PodEnd = Exclude<End, { address: string }>;
export type Connection = { from: End; to: End; port: number; protocol?: "TCP" | "UDP" };

/** Whether the policies of a namespace let a connection through, on both of its sides. Throws at a policy that is wrong or not understood. */
export function lets(manifests: readonly Manifest[], connection: Connection): boolean {
  const policies = manifests.filter(({ kind }) => kind === "NetworkPolicy");
  for (const { metadata, spec } of policies) check(metadata.name, spec as unknown as Policy);
  return side(policies, connection, "Egress") && side(policies, connection, "Ingress");
}

function side(policies: readonly Manifest[], connection: Connection, type: "Egress" | "Ingress"): boolean {
  const [own, other] =
    type === "Egress" ? [connection.from, connection.to] : [connection.to, connection.from];
  if ("address" in own) return true;
  const meant = policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === own.namespace &&
      matches((spec as unknown as Policy).podSelector, own.labels) &&
      (spec as unknown as Policy).policyTypes.includes(type),
  );
  if (meant.length === 0) return true;
  return meant.some(({ spec }) => {
    const { egress, ingress } = spec as unknown as Policy;
    return ((type === "Egress" ? egress : ingress) ?? []).some((rule) => {
      const peers = type === "Egress" ? rule.to : rule.from;
      return isMeant(peers, own, other) && isPort(rule, connection);
    });
  });
}

/** No list of peers means everybody. */
function isMeant(peers: Peer[] | undefined, own: PodEnd, other: End): boolean {
  return (
    peers === undefined ||
    peers.some((peer) => ("address" in other ? isIn(peer, other.address) : isPod(peer, own, other)))
  );
}

function isPod({ podSelector, namespaceSelector, ipBlock }: Peer, own: PodEnd, other: PodEnd): boolean {
  if (ipBlock !== undefined) return false; // addresses of pods are nobody's to count on
  const labels = { "kubernetes.io/metadata.name": other.namespace, ...other.namespaceLabels };
  const there =
    namespaceSelector === undefined ? other.namespace === own.namespace : matches(namespaceSelector, labels);
  return there && (podSelector === undefined || matches(podSelector, other.labels));
}

function isIn({ ipBlock }: Peer, address: string): boolean {
  if (ipBlock === undefined) return false;
  return listOf([ipBlock.cidr]).check(address) && !listOf(ipBlock.except ?? []).check(address);
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    list.addSubnet(address, Number(bits));
  }
  return list;
}

function isPort({ ports }: Rule, { to, port, protocol = "TCP" }: Connection): boolean {
  if (ports === undefined) return true;
  return ports.some((it) => {
    const number = typeof it.port === "number" ? it.port : "address" in to ? undefined : to.ports?.[it.port];
    return it.protocol === protocol && number === port;
  });
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      if (operator !== "In") throw new Error(`not understood: ${operator}`);
      return values.includes(labels[key] ?? "");
    })
  );
}

const PEER = new Set(["podSelector", "namespaceSelector", "ipBlock"]);

function check(name: string, { ingress = [], egress = [] }: Policy): void {
  for (const peer of [...ingress, ...egress].flatMap(({ from = [], to = [] }) => [...from, ...to])) {
    const keys = Object.keys(peer);
    const wrong =
      keys.length === 0 ||
      keys.some((key) => !PEER.has(key)) ||
      (peer.ipBlock !== undefined && keys.length > 1);
    const blocks = peer.ipBlock === undefined ? [] : [peer.ipBlock.cidr, ...(peer.ipBlock.except ?? [])];
    if (wrong || blocks.some((it) => isIP(it.split("/")[0] ?? "") === 0))
      throw new Error(`${name}: a peer is wrong: ${JSON.stringify(peer)}`);
  }
}

/** What the API says of names of ports. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** The names of a container's ports that no API server takes. Pure. */
export function wrongPortNames(names: readonly string[]): string[] {
  return names.filter((name) => !PORT_NAME.test(name));
}
