import { beforeAll, describe, expect, test } from "vitest";
import {
  OVERLAYS,
  render,
  variablesOf,
  workloadsOf,
  type Container,
  type Manifest,
  type Workload,
} from "../../support/kube/manifests.ts";

// Who of ours may ask the API server, and by which ways others come in.

describe.each(OVERLAYS)("%s", (overlay) => {
  let manifests: Manifest[];
  let workloads: Workload[];
  beforeAll(async () => {
    manifests = await render(overlay);
    workloads = workloadsOf(manifests);
  });

  test("`tokens` may ask the API server whose a token is, nobody may do anything else, and nobody else has a token", () => {
    const roles = manifests.filter(({ kind }) => kind === "ClusterRole");
    expect(roles).toHaveLength(1);
    expect(roles[0]).toEqual({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "runner-relay-tokens", labels: roles[0]?.metadata.labels },
      rules: [{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] }],
    });
    const bindings = manifests.filter(({ kind }) => kind === "ClusterRoleBinding");
    expect(bindings).toHaveLength(1);
    expect(bindings[0]).toMatchObject({
      roleRef: { kind: "ClusterRole", name: "runner-relay-tokens" },
      subjects: [{ kind: "ServiceAccount", name: "tokens", namespace: "runner-relay" }],
    });
    const holders = workloads.filter(({ template }) =>
      template.spec.volumes?.some(({ projected }) =>
        projected?.sources.some((it) => "serviceAccountToken" in it),
      ),
    );
    expect(holders.map(({ name }) => name)).toEqual(["tokens"]);
    const [container] = holders[0]?.containers ?? [];
    const variables = variablesOf(container as Container, manifests);
    const folder = container?.volumeMounts?.find(({ name }) => name === "api-server")?.mountPath;
    expect(variables.get("RUNNER_RELAY_TOKENS_KUBERNETES_LOGIN")).toBe(`${folder}/token`);
    expect(variables.get("RUNNER_RELAY_TOKENS_KUBERNETES_CA")).toBe(`${folder}/ca.crt`);
  });
});

test("routes outlast the silences of streams and sockets, and have the names that the server takes", async () => {
  for (const overlay of ["production", "openshift"] as const) {
    const manifests = await render(overlay);
    const settings = manifests.find(({ metadata }) => metadata.name.startsWith("serve-settings"))?.data;
    const name = settings?.["RUNNER_RELAY_SESSIONS_HOSTS"];
    expect(name).toBeDefined();
    // proxies speak HTTP/1.1, which sockets need, to one port, and HTTP/2, which gRPC needs, to the other
    const service = manifests.find((it) => it.kind === "Service" && it.metadata.name === "serve");
    expect(service?.spec?.["ports"]).toEqual([
      { name: "http", port: 8002, targetPort: "http" },
      { name: "grpc", port: 8003, targetPort: "http", appProtocol: "kubernetes.io/h2c" },
    ]);
    const route = manifests.find(({ kind }) => kind === "HTTPRoute" || kind === "Route");
    if (overlay === "production")
      expect(route?.spec).toMatchObject({
        hostnames: [name],
        rules: [
          {
            matches: [
              { path: { type: "PathPrefix", value: "/ambient.v1.SessionService" } },
              { path: { type: "PathPrefix", value: "/grpc.health.v1.Health" } },
            ],
            backendRefs: [{ name: "serve", port: 8003 }],
            timeouts: { request: "0s", backendRequest: "0s" },
          },
          {
            backendRefs: [{ name: "serve", port: 8002 }],
            timeouts: { request: "0s", backendRequest: "0s" },
          },
        ],
      });
    else {
      expect(route?.spec).toMatchObject({ host: name, tls: { termination: "reencrypt" } });
      // sockets say something every 30 s, streams every 15 s
      for (const it of ["timeout", "timeout-tunnel"])
        expect(route?.metadata.annotations?.[`haproxy.router.openshift.io/${it}`]).toBe("2m");
    }
  }
});
