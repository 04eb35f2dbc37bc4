import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { loadSettings, variableNames } from "../../../src/shared/base/config/load.ts";
import { readSyncAlways } from "../../../src/shared/log/durability/sync-always.ts";
import { ALL_SETTINGS } from "../../../src/shared/settings/index.ts";
import * as tables from "../../../src/shared/settings/index.ts";
import {
  isService,
  KUBERNETES,
  OVERLAYS,
  render,
  variablesOf,
  workloadsOf,
  type Container,
  type Manifest,
  type Overlay,
  type Workload,
} from "../../support/kube/manifests.ts";

// What manifests say is held against the settings, the image and each other. processes.test.ts runs what they say.

const { BROKER_SETTINGS, COMMON_SETTINGS, UP_SETTINGS, WORKSPACE_SETTINGS } = tables;
const OF_CLIENT = { ...COMMON_SETTINGS, ...BROKER_SETTINGS };
/** The settings of each process, by its command. */
const TABLES = {
  gateway: { ...OF_CLIENT, ...tables.GATEWAY_SETTINGS },
  relay: { ...OF_CLIENT, ...tables.RELAY_SETTINGS },
  console: { ...OF_CLIENT, ...tables.CONSOLE_SETTINGS },
  serve: {
    ...OF_CLIENT,
    ...tables.SESSIONS_SETTINGS,
    ...tables.SESSIONS_ACCESS_SETTINGS,
    workspaceRoot: WORKSPACE_SETTINGS.workspaceRoot,
  },
  tokens: { ...OF_CLIENT, ...tables.TOKENS_SETTINGS },
  worker: { ...OF_CLIENT, ...tables.WORKER_SETTINGS, ...WORKSPACE_SETTINGS, ...tables.SESSION_LIMITS },
  coordinator: { ...COMMON_SETTINGS, ...tables.COORDINATOR_SETTINGS },
  provision: { ...OF_CLIENT, ...UP_SETTINGS },
  prune: {
    ...OF_CLIENT,
    ...UP_SETTINGS,
    ...tables.SESSION_LIMITS,
    aliveFile: tables.WORKER_SETTINGS.aliveFile,
  },
};
type Command = keyof typeof TABLES;

/** Our commands that a container runs; undefined for other programs. */
function commandOf({ command, args }: Container): Command | undefined {
  return command === undefined ? (args?.[0] as Command) : undefined;
}

const passwords = (): Record<string, string> => {
  const text = execFileSync("/bin/sh", [join(KUBERNETES, "make-passwords.sh")], { encoding: "utf8" });
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
};

test("passwords are different, and begin with a letter", () => {
  const made = passwords();
  for (const value of Object.values(made)) expect(value).toMatch(/^p[0-9a-f]{48}$/);
  expect(new Set(Object.values(made)).size).toBe(Object.keys(made).length);
  expect(Object.values(passwords())).not.toEqual(Object.values(made));
});

test("every server of the broker syncs, replicates and notices a dead one after 4 s", () => {
  const text = readFileSync(join(KUBERNETES, "base/nats-server.conf"), "utf8");
  expect(readSyncAlways(text), "HONEST-1").toBe(true);
  expect(text).toContain('include "users.conf"');
  expect(text).toMatch(/^cluster \{[^]*^  ping_interval: "2s"\n {2}ping_max: 2\n\}/m);
});

describe.each(OVERLAYS)("%s", (overlay: Overlay) => {
  let manifests: Manifest[];
  let workloads: Workload[];
  let containers: { workload: Workload; container: Container }[];
  beforeAll(async () => {
    manifests = await render(overlay);
    workloads = workloadsOf(manifests);
    containers = workloads.flatMap((workload) =>
      workload.containers.map((container) => ({ workload, container })),
    );
    expect(containers.length).toBeGreaterThanOrEqual(7);
  });
  const named = (kind: string, name: string): Manifest | undefined =>
    manifests.find((it) => it.kind === kind && it.metadata.name === name);

  test("every variable is a setting of its process, and every value can be read", () => {
    for (const { container } of containers) {
      const command = commandOf(container);
      if (command === undefined) continue;
      const table = TABLES[command];
      expect(table, `${container.name} runs a command of ours`).toBeDefined();
      const known = new Set(variableNames([table]));
      const variables = variablesOf(container, manifests);
      for (const name of variables.keys()) if (name !== "HOME") expect(known, container.name).toContain(name);
      const env = Object.fromEntries(
        [...variables]
          .filter(([name]) => !name.endsWith("_FILE") || known.has(name))
          .map(([name, value]) => [name, value ?? `p${"0".repeat(48)}`]),
      );
      delete env["RUNNER_RELAY_API_KEY_FILE"]; // there is no such file here
      expect(() => loadSettings(table, { env, known: ALL_SETTINGS }), container.name).not.toThrow();
    }
  });

  test("HONEST-1: each process that says how durable the log is asks every server", () => {
    const servers = [0, 1, 2].map((it) => `http://nats-${it}.nats:8222`).join(",");
    expect(named("StatefulSet", "nats")?.spec?.replicas).toBe(3);
    const asked = containers.filter(({ container }) => ["gateway", "console"].includes(container.name));
    for (const { container } of asked)
      expect(variablesOf(container, manifests).get("RUNNER_RELAY_BROKER_MONITOR")).toBe(servers);
    expect(asked.length).toBe(overlay === "local" ? 2 : 1);
  });

  test("each process logs in as itself, with a password of the secret, and holds no other's", () => {
    const made = passwords();
    for (const { workload, container } of containers) {
      const held = (container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
      for (const { name, key } of held) {
        expect(name).toBe("runner-relay-passwords");
        expect(made, "make-passwords.sh makes it").toHaveProperty(key);
      }
      if (workload.name === "nats") continue;
      const user = variablesOf(container, manifests).get("NATS_USER");
      const own = user?.startsWith("gateway-") ? "GATEWAY" : user?.toUpperCase().replace("-", "_");
      const logins = held.map(({ key }) => key).filter((key) => key.endsWith("_PASSWORD"));
      expect(logins, container.name).toEqual(own === undefined ? [] : [`${own}_PASSWORD`]);
    }
    const users = readFileSync(resolve(KUBERNETES, "../nats/users.conf"), "utf8");
    const wanted = [...users.matchAll(/password: \$(\w+)/g)].map(([, name]) => name);
    const nats = containers.find(({ workload }) => workload.name === "nats")?.container;
    expect(nats?.env?.map(({ name }) => name)).toEqual(expect.arrayContaining(wanted));
  });

  test("CRED-1: only the relay has the coordinator's credentials", () => {
    const holders = workloads.filter(({ template }) =>
      template.spec.volumes?.some(({ secret }) => secret?.secretName === "coordinator-credentials"),
    );
    expect(holders.map(({ name }) => name)).toEqual(["relay"]);
  });

  test("ports: probes and services name ones that are there, and processes listen at them", () => {
    const setting = {
      relay: "ADMIN_PORT",
      console: "CONSOLE_PORT",
      serve: "SESSIONS_PORT",
      tokens: "TOKENS_PORT",
    };
    for (const { container } of containers) {
      const names = (container.ports ?? []).map(({ name }) => name);
      for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
        const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
        if (port !== undefined) expect(names, container.name).toContain(port);
      }
      const variable = setting[container.name as keyof typeof setting];
      if (variable === undefined) continue;
      const listens = variablesOf(container, manifests).get(`RUNNER_RELAY_${variable}`);
      expect(container.ports?.map(({ containerPort }) => String(containerPort))).toEqual([listens]);
    }
    for (const { metadata, spec } of manifests.filter(({ kind }) => kind === "Service")) {
      const { ports = [], selector } = spec as {
        ports?: { targetPort: string }[];
        selector: Record<string, string>;
      };
      const behind = workloads.find(
        ({ template }) =>
          template.metadata.labels["app.kubernetes.io/name"] === selector["app.kubernetes.io/name"],
      );
      const names = behind?.containers.flatMap((it) => it.ports ?? []).map(({ name }) => name);
      for (const { targetPort } of ports) expect(names, metadata.name).toContain(targetPort);
    }
  });

  test("every container that runs on has three probes; every one has requests and limits", () => {
    for (const { workload, container } of containers) {
      for (const kind of ["requests", "limits"] as const)
        expect(Object.keys(container.resources?.[kind] ?? {}).toSorted(), container.name).toEqual([
          "cpu",
          "ephemeral-storage",
          "memory",
        ]);
      if (!isService(workload)) continue;
      const { startupProbe, readinessProbe, livenessProbe } = container;
      for (const probe of [startupProbe, readinessProbe, livenessProbe])
        expect(probe, container.name).toBeDefined();
      // with a list of names (RUNNER_RELAY_SESSIONS_HOSTS) the address of a pod is none of them
      for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
        if (probe?.httpGet === undefined || workload.name === "nats") continue;
        expect(probe.httpGet.httpHeaders, container.name).toEqual([{ name: "Host", value: "localhost" }]);
      }
    }
  });

  test("restricted: no root, no capability, no writable root, no token, nothing of the node", () => {
    const namespace = named("Namespace", "runner-relay");
    expect(namespace?.metadata.labels).toMatchObject({ "pod-security.kubernetes.io/enforce": "restricted" });
    for (const { name, template } of workloads) {
      const { spec } = template;
      expect(spec.securityContext, name).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(spec.securityContext?.runAsUser, name).toBe(overlay === "openshift" ? undefined : 10001);
      expect(spec.automountServiceAccountToken, name).toBe(false);
      expect([spec.hostNetwork, spec.hostPID], name).toEqual([undefined, undefined]);
      expect(named("ServiceAccount", spec.serviceAccountName ?? "")).toMatchObject({
        automountServiceAccountToken: false,
      });
    }
    for (const { container } of containers)
      expect(container.securityContext, container.name).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    const kinds = new Set(manifests.map(({ kind }) => kind));
    for (const none of ["Secret", "Role", "RoleBinding"]) expect(kinds).not.toContain(none);
  });

  test("data is written into volumes, and each volume that is mounted is there", () => {
    for (const { workload, container } of containers) {
      const claims = workload.manifest.spec?.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? [];
      const volumes = [...claims, ...(workload.template.spec.volumes ?? []).map(({ name }) => name)];
      const mounts = container.volumeMounts ?? [];
      for (const { name } of mounts) expect(volumes, container.name).toContain(name);
      const writable = mounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
      for (const [name, value = ""] of variablesOf(container, manifests)) {
        if (!/^(?:HOME|RUNNER_RELAY_(?:DATA|WORKER_ALIVE_FILE))$/.test(name)) continue;
        expect(
          writable.some((path) => value === path || value.startsWith(`${path}/`)),
          `${container.name} ${name}`,
        ).toBe(true);
      }
    }
  });

  test("what has several pods spreads them, and a drain of nodes leaves some", () => {
    for (const workload of workloads.filter((it) => isService(it) && it.name !== "runner")) {
      const budget = named("PodDisruptionBudget", workload.name)?.spec;
      expect(budget, workload.name).toMatchObject({
        maxUnavailable: 1,
        selector: { matchLabels: { "app.kubernetes.io/name": workload.name } },
      });

      const keys = workload.template.spec.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey);
      if (!["console", "session-prune"].includes(workload.name))
        expect(keys, workload.name).toEqual(["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
    }
  });

  test("every pod has the time that its stop needs", () => {
    const least = { nats: 60, gateway: 10, relay: 10, serve: 15, tokens: 12, worker: 8, console: 2 };
    for (const { workload, container } of containers) {
      const seconds = least[container.name as keyof typeof least] ?? 0;
      if (isService(workload))
        expect(workload.template.spec.terminationGracePeriodSeconds, container.name).toBeGreaterThanOrEqual(
          seconds,
        );
    }
  });

  test("images: by digest, but for a cluster on this machine", () => {
    for (const { container } of containers)
      expect(container.image).toMatch(
        overlay === "local"
          ? /^(?:runner-relay:local|nats:2\.15-alpine)$/
          : /^registry\.example\/(?:runner-relay|nats)@sha256:[0-9a-f]{64}$/,
      );
  });
});
