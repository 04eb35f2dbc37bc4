import { stringify } from "yaml";
import { parse, workloadsOf, type Manifest } from "./manifests.ts";

/** Who is the first to see a fault of manifests, in the order in which they cost time. */
export type Seer = "kubernetes-validate" | "kube-score" | "the rules of networks";

/** A fault that is put into manifests, so that a check shows that it sees it. */
export type Fault = { name: string; seenBy: Seer; change: (text: string) => string };

export const FAULTS: readonly Fault[] = [
  {
    name: "a wrong type",
    seenBy: "kubernetes-validate",
    change: changing((manifests) => setIn(workload(manifests, "serve").spec, "replicas", "two")),
  },
  {
    name: "an unknown field",
    seenBy: "kubernetes-validate",
    change: changing((manifests) => {
      const [container] = workloadsOf([workload(manifests, "serve")])[0]?.containers ?? [];
      setIn(container, "livenesProbe", container?.livenessProbe);
    }),
  },
  {
    name: "a container without limits",
    seenBy: "kube-score",
    change: changing((manifests) => {
      const [container] = workloadsOf([workload(manifests, "relay")])[0]?.containers ?? [];
      setIn(container?.resources, "limits", undefined);
    }),
  },
  {
    name: "a bad name of a port",
    seenBy: "the rules of networks",
    change: changing((manifests) => {
      const [container] = workloadsOf([workload(manifests, "console")])[0]?.containers ?? [];
      setIn(container?.ports?.[0], "name", "the_console_of_operators");
    }),
  },
  {
    name: "a bad peer of a network policy",
    seenBy: "the rules of networks",
    change: changing((manifests) => {
      const policy = manifests.find(
        ({ kind, metadata }) => kind === "NetworkPolicy" && metadata.name === "nats",
      );
      const spec = policy?.spec as { ingress: { from: object[] }[] } | undefined;
      setIn(spec?.ingress[0]?.from[0], "ipBlock", { cidr: "10.0.0.0/8" }); // beside a selector: one or the other
    }),
  },
];

function workload(manifests: readonly Manifest[], name: string): Manifest {
  const found = workloadsOf(manifests).find((it) => it.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found.manifest;
}

function setIn(at: object | undefined, name: string, value: unknown): void {
  if (at === undefined) throw new Error(`nothing to set ${name} in`);
  Object.assign(at, { [name]: value });
}

/** Does something to the objects of a text. */
function changing(change: (manifests: Manifest[]) => void): (text: string) => string {
  return (text) => {
    const manifests = parse(text);
    change(manifests);
    const changed = manifests.map((it) => stringify(it, { aliasDuplicateObjects: false })).join("---\n");
    if (
      changed ===
      parse(text)
        .map((it) => stringify(it, { aliasDuplicateObjects: false }))
        .join("---\n")
    )
      throw new Error("nothing was changed");
    return changed;
  };
}
