import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KUBERNETES, OVERLAYS, renderText, type Overlay } from "../../support/kube/manifests.ts";
import { findKubernetesValidate, findKubeScore } from "../../support/kube/tools.ts";
import { FAULTS } from "../../support/kube/faults.ts";

// kubernetes-validate compares with the schemas of Kubernetes; kube-score knows habits. What only an API server knows is seen by `npm run test:kube`.

/** The first run of a machine builds one program and installs the other. */
const TOOLS_MS = 60 * 60_000;
/** Kinds of other projects; `npm run test:kube` has the schemas of one, and a part of the other's. */
const FOREIGN = "Couldn't find schema for kind (?:HTTPRoute|Route) ";

/** Not followed, in every overlay or in one. */
const NOT_FOLLOWED: Readonly<Record<string, readonly Overlay[]>> = {
  // an image named by its digest is the same wherever it comes from; that of a local cluster was loaded into its node
  "container-image-pull-policy": OVERLAYS,
  // one console is enough, and a local cluster has one of everything
  "deployment-replicas": OVERLAYS,
  // OpenShift chooses users and groups
  "container-security-context-user-group-id": ["openshift"],
  // the stand-in coordinator is asked one question only
  "pod-probes-identical": ["local"],
};

let folder: string;
let validator: [string, ...string[]];
let score: string;
const rendered = new Map<Overlay, string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rr-kubernetes-"));
  const [validate, kubeScore] = await Promise.all([findKubernetesValidate(), findKubeScore()]);
  if ("missing" in validate) throw new Error(validate.missing);
  if ("missing" in kubeScore) throw new Error(kubeScore.missing);
  validator = validate.command;
  score = kubeScore.path;
  for (const overlay of OVERLAYS)
    rendered.set(overlay, await renderText(join(KUBERNETES, "overlays", overlay)));
}, TOOLS_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Verdict = { code: number | null; said: string };

function run(file: string, args: readonly string[], text: string): Verdict {
  const at = join(folder, "manifests.yaml");
  writeFileSync(at, text);
  const { status, stdout, stderr } = spawnSync(file, [...args, at], { encoding: "utf8" });
  return { code: status, said: stdout + stderr };
}

const validated = (text: string): Verdict => {
  const [file, ...args] = validator;
  return run(file, [...args, "--strict"], text);
};

function scored(text: string, overlay: Overlay): Verdict {
  const ignored = Object.entries(NOT_FOLLOWED).filter(([, overlays]) => overlays.includes(overlay));
  const flags = ignored.flatMap(([check]) => ["--ignore-test", check]);
  const version = ["--kubernetes-version", "v1.34", "--exit-one-on-warning"];
  return run(score, ["score", "--output-format", "ci", ...version, ...flags], text);
}

describe.each(OVERLAYS)("%s", (overlay) => {
  test("kubernetes-validate finds nothing", () => {
    const { code, said } = validated(rendered.get(overlay) ?? "");
    const lines = said.split("\n").filter((line) => line !== "");
    const faults = lines.filter((line) => !line.startsWith("INFO") && !new RegExp(FOREIGN).test(line));
    expect(faults).toEqual([]);
    expect(code).toBe(0);
    expect(lines.length).toBeGreaterThan(30);
  });

  test("kube-score finds nothing", () => {
    const { code, said } = scored(rendered.get(overlay) ?? "", overlay);
    expect(said.split("\n").filter((line) => /^\[(?:CRITICAL|WARNING)\]/.test(line))).toEqual([]);
    expect(code).toBe(0);
    expect(said).toContain("[OK] nats/runner-relay apps/v1/StatefulSet");
  });
});

describe("a fault is found", () => {
  test.each(FAULTS.filter(({ seenBy }) => seenBy === "kubernetes-validate"))(
    "by kubernetes-validate: $name",
    ({ change }) => {
      expect(validated(change(rendered.get("production") ?? "")).code).not.toBe(0);
    },
  );
  test.each(FAULTS.filter(({ seenBy }) => seenBy === "kube-score"))("by kube-score: $name", ({ change }) => {
    expect(scored(change(rendered.get("production") ?? ""), "production").code).not.toBe(0);
  });
});
