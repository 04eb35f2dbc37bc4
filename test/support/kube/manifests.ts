import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { findKustomize } from "./tools.ts";

const run = promisify(execFile);

export const KUBERNETES: string = resolve(import.meta.dirname, "../../../deploy/kubernetes");
export const OVERLAYS = ["local", "production", "openshift"] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** As much of a probe as ours use. */
export type Probe = {
  httpGet?: {
    path: string;
    port: string | number;
    scheme?: string;
    httpHeaders?: { name: string; value: string }[];
  };
  exec?: { command: string[] };
  tcpSocket?: { port: string | number };
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
};

export type Variable = {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string }; fieldRef?: { fieldPath: string } };
};

export type Container = {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: Variable[];
  envFrom?: { configMapRef?: { name: string; optional?: boolean }; secretRef?: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  resources?: Record<"requests" | "limits", Record<"cpu" | "memory" | "ephemeral-storage", string>>;
  securityContext?: {
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    capabilities?: { drop: string[] };
  };
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  restartPolicy?: string;
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
};

export type PodSpec = {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  terminationGracePeriodSeconds?: number;
  hostNetwork?: boolean;
  hostPID?: boolean;
  securityContext?: { runAsNonRoot?: boolean; runAsUser?: number; seccompProfile?: { type: string } };
  topologySpreadConstraints?: { topologyKey: string }[];
  initContainers?: Container[];
  containers: Container[];
  volumes?: {
    name: string;
    configMap?: object;
    secret?: { secretName: string };
    emptyDir?: object;
    projected?: { sources: object[] };
  }[];
};

export type Template = { metadata: { labels: Record<string, string> }; spec: PodSpec };

/** An object of a cluster; `spec` has what its kind says, and is read by those who know it. */
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec?: Record<string, unknown> & {
    replicas?: number;
    template?: Template;
    jobTemplate?: { spec: { template: Template } };
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
  data?: Record<string, string>;
};

/** What an overlay becomes, as text. Throws with the reason. */
export async function renderText(folder: string): Promise<string> {
  const found = await findKustomize();
  if ("missing" in found) throw new Error(found.missing);
  const [file, ...args] = found.command;
  const { stdout } = await run(file, [...args, folder], { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

export async function render(overlay: Overlay): Promise<Manifest[]> {
  return parse(await renderText(join(KUBERNETES, "overlays", overlay)));
}

export function parse(text: string): Manifest[] {
  return parseAllDocuments(text).map((it) => it.toJS() as Manifest);
}

/** What runs pods, and the pods. */
export type Workload = { manifest: Manifest; name: string; template: Template; containers: Container[] };

export function workloadsOf(manifests: readonly Manifest[]): Workload[] {
  return manifests.flatMap((manifest) => {
    const template = manifest.spec?.template ?? manifest.spec?.jobTemplate?.spec.template;
    if (template?.spec === undefined) return [];
    const containers = [...(template.spec.initContainers ?? []), ...template.spec.containers];
    return [{ manifest, name: manifest.metadata.name, template, containers }];
  });
}

/** True for what runs until it is stopped. */
export function isService({ manifest: { kind } }: Workload): boolean {
  return kind !== "Job" && kind !== "CronJob";
}

/** The variables of a container, with those of its configuration. A value from elsewhere is undefined. */
export function variablesOf(
  container: Container,
  manifests: readonly Manifest[],
): Map<string, string | undefined> {
  const variables = new Map<string, string | undefined>();
  for (const { configMapRef } of container.envFrom ?? []) {
    if (configMapRef === undefined) continue;
    const settings = manifests.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMapRef.name,
    );
    if (settings === undefined && configMapRef.optional !== true)
      throw new Error(`no ConfigMap ${configMapRef.name}`);
    for (const [name, value] of Object.entries(settings?.data ?? {})) variables.set(name, value);
  }
  for (const { name, value } of container.env ?? []) variables.set(name, value);
  return variables;
}
