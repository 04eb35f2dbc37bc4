import type { GoTool } from "../support/go-tool.ts";

const KUBERNETES = "34.4";
/** Kubernetes names these modules by folders of its repository. */
const STAGED =
  "api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap code-generator component-base component-helpers controller-manager cri-api cri-client csi-translation-lib dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission";

const ofKubernetes = {
  module: "k8s.io/kubernetes",
  version: `v1.${KUBERNETES}`,
  replaced: Object.fromEntries(STAGED.split(" ").map((it) => [`k8s.io/${it}`, `v0.${KUBERNETES}`])),
  ldflags: Object.entries({
    gitVersion: `v1.${KUBERNETES}`,
    gitMajor: "1",
    gitMinor: KUBERNETES.split(".")[0],
  })
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(" "),
};

export const KUBE_APISERVER: GoTool = {
  ...ofKubernetes,
  name: "kube-apiserver",
  main: "k8s.io/kubernetes/cmd/kube-apiserver",
};
export const KUBECTL: GoTool = {
  ...ofKubernetes,
  name: "kubectl",
  main: "k8s.io/kubernetes/cmd/kubectl",
  anyVersion: true,
};
export const ETCD: GoTool = {
  name: "etcd",
  module: "go.etcd.io/etcd/server/v3",
  version: "v3.6.16",
  main: "go.etcd.io/etcd/server/v3",
};

/** The path of a program that the global set-up found. */
export function programOf({ name }: GoTool): string {
  const path = process.env[`TEST_${name}`];
  if (path === undefined) throw new Error(`no ${name}: the global set-up did not run`);
  return path;
}
