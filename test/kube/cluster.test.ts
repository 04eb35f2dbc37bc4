import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { FAULTS } from "../support/kube/faults.ts";
import {
  KUBERNETES,
  OVERLAYS,
  parse,
  renderText,
  workloadsOf,
  type Overlay,
} from "../support/kube/manifests.ts";
import { startApiServer, type ApiServer } from "./api-server.ts";
import { gatewayApi } from "./gateway-api.ts";

const NAMESPACE = "runner-relay";
let server: ApiServer;
const rendered = new Map<Overlay, string>();

function done(args: string[], input?: string): string {
  const { ok, said } = server.kubectl(args, input);
  expect(ok, said).toBe(true);
  return said;
}

beforeAll(async () => {
  for (const overlay of OVERLAYS)
    rendered.set(overlay, await renderText(join(KUBERNETES, "overlays", overlay)));
  server = await startApiServer();
  const crds = [readFileSync(join(import.meta.dirname, "route-crd.yaml"), "utf8"), await gatewayApi()];
  for (const crd of crds) done(["apply", "--server-side", "-f", "-"], crd);
  done(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
  for (const kind of ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"]) {
    const some = parse(rendered.get("local") ?? "").filter((it) => it.kind === kind);
    done(["apply", "-f", "-"], some.map((it) => stringify(it)).join("---\n"));
  }
});
afterAll(() => server?.stop());

describe.each(OVERLAYS)("%s", (overlay) => {
  test("the API server takes every object, and warns of none", () => {
    const text = rendered.get(overlay) ?? "";
    const said = done(["apply", "--dry-run=server", "--validate=strict", "-f", "-"], text);
    expect(said).not.toMatch(/Warning/);
    expect(said.match(/\(server dry run\)$/gm)).toHaveLength(parse(text).length);
  });

  test("the pods that come of it are admitted as restricted", () => {
    const pods = workloadsOf(parse(rendered.get(overlay) ?? "")).map(({ name, template, manifest }) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: NAMESPACE, labels: template.metadata.labels },
      spec: {
        ...template.spec,
        volumes: [...(template.spec.volumes ?? []), ...claimsOf(manifest.spec?.volumeClaimTemplates)],
      },
    }));
    const said = done(
      ["apply", "--dry-run=server", "-f", "-"],
      pods.map((it) => stringify(it, { aliasDuplicateObjects: false })).join("---\n"),
    );
    expect(said.match(/^pod\/\S+ created \(server dry run\)$/gm)).toHaveLength(pods.length);
  });
});

function claimsOf(templates: { metadata: { name: string } }[] = []): object[] {
  return templates.map(({ metadata: { name } }) => ({ name, persistentVolumeClaim: { claimName: name } }));
}

test("a pod that may be root is not admitted", () => {
  const [relay] = workloadsOf(parse(rendered.get("production") ?? "")).filter(({ name }) => name === "relay");
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "root", namespace: NAMESPACE },
    spec: { ...relay?.template.spec, securityContext: {} },
  };
  const { ok, said } = server.kubectl(["apply", "--dry-run=server", "-f", "-"], stringify(pod));
  expect(ok).toBe(false);
  expect(said).toContain('violates PodSecurity "restricted');
});

test.each(FAULTS)("a fault is found: $name", ({ name, change }) => {
  const text = change(rendered.get("production") ?? "");
  const { ok, said } = server.kubectl(["apply", "--dry-run=server", "--validate=strict", "-f", "-"], text);
  if (name !== "a container without limits") return expect(ok, said).toBe(false);
  // a server takes what has no limits: kube-score sees it
  return expect(ok, said).toBe(true);
});

/** What each account may do, beside what everybody may: to ask what it may. */
const MAY: Readonly<Record<string, string[]>> = {
  nats: [],
  provision: [],
  relay: [],
  serve: [],
  worker: [],
  console: [],
  prune: [],
  "session-prune": [],
  runner: [],
  tokens: ["tokenreviews.authentication.k8s.io"],
};

test("the table has every account", () => {
  const accounts = OVERLAYS.flatMap((overlay) =>
    parse(rendered.get(overlay) ?? "").filter(({ kind }) => kind === "ServiceAccount"),
  );
  expect([...new Set(accounts.map(({ metadata }) => metadata.name))].toSorted()).toEqual(
    Object.keys(MAY).toSorted(),
  );
});

/** What an account may do in the namespace, beside asking what it may. */
function mayDo(account: string): string[] {
  const as = ["--as", `system:serviceaccount:${NAMESPACE}:${account}`];
  const list = done(["auth", "can-i", "--list", "--no-headers", "-n", NAMESPACE, ...as]);
  const resources = list.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
  expect(resources.length).toBeGreaterThan(0);
  const beyond = resources.filter(
    (line) => !/^selfsubject\w+\.(?:authentication|authorization)\.k8s\.io\s/.test(line),
  );
  return beyond.map((line) => line.split(/\s+/)[0] ?? "");
}

test("a role that an account had would be seen", () => {
  done(["create", "role", "reader", "-n", NAMESPACE, "--verb", "get", "--resource", "secrets"]);
  const account = `${NAMESPACE}:somebody`;
  done(["create", "rolebinding", "reader", "-n", NAMESPACE, "--role", "reader", "--serviceaccount", account]);
  expect(mayDo("somebody")).toEqual(["secrets"]);
});

describe.each(Object.entries(MAY))("the account %s", (account, may) => {
  const as = ["--as", `system:serviceaccount:${NAMESPACE}:${account}`];
  test("may do what the table says, and nothing else", () => {
    expect(mayDo(account)).toEqual(may);
  });

  test.each([
    "get secrets",
    "list secrets -A",
    "create pods",
    "create pods/exec",
    "create serviceaccounts/token",
    "create tokenreviews.authentication.k8s.io",
    "create subjectaccessreviews.authorization.k8s.io",
    "get configmaps",
    "impersonate users",
  ])("%s: only what the table says", (what) => {
    const { said } = server.kubectl([
      "auth",
      "can-i",
      ...what.split(" "),
      ...(what.endsWith("-A") ? [] : ["-n", NAMESPACE]),
      ...as,
    ]);
    const [, resource = ""] = what.split(" ");
    expect(said).toMatch(may.includes(resource) ? /^yes/m : /^no/m);
  });
});
