import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { eventually } from "../support/eventually.ts";
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
  for (const kind of ["Namespace", "ServiceAccount"]) {
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
const MAY: Readonly<Record<string, string[]>> = Object.fromEntries(
  ["nats", "provision", "relay", "serve", "worker", "console", "prune", "session-prune", "runner"].map(
    (it) => [it, []],
  ),
);

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
    "get configmaps",
    "impersonate users",
  ])("may not: %s", (what) => {
    const { said } = server.kubectl([
      "auth",
      "can-i",
      ...what.split(" "),
      ...(what.endsWith("-A") ? [] : ["-n", NAMESPACE]),
      ...as,
    ]);
    expect(said).toMatch(/^no/m);
  });
});

describe("tokens of pods, as a TokenReview sees them", () => {
  const AUDIENCE = "runner-relay";
  const POD = { name: "runner-x", uid: "" };
  let right: string;

  const tokenFor = (audience: string): string =>
    done([
      "create",
      "token",
      "runner",
      "-n",
      NAMESPACE,
      "--audience",
      audience,
      "--duration",
      "10m",
      "--bound-object-kind",
      "Pod",
      "--bound-object-name",
      POD.name,
      "--bound-object-uid",
      POD.uid,
    ]).trim();

  function review(token: string): {
    authenticated?: boolean;
    user?: { username: string; extra: Record<string, string[]> };
    audiences?: string[];
  } {
    const asked = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, audiences: [AUDIENCE] },
    };
    const { status } = JSON.parse(done(["create", "-o", "json", "-f", "-"], JSON.stringify(asked))) as {
      status: object;
    };
    return status;
  }

  /** The right token with other claims, signed by the cluster's own key. */
  async function changed(claims: object, key: string = server.signingKey): Promise<string> {
    const { kid = "" } = decodeProtectedHeader(right);
    return await new SignJWT({ ...decodeJwt(right), ...claims })
      .setProtectedHeader({ alg: "RS256", kid })
      .sign(createPrivateKey(key));
  }

  beforeAll(() => {
    const spec = workloadsOf(parse(rendered.get("local") ?? "")).find(({ name }) => name === "runner")
      ?.template.spec;
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: POD.name, namespace: NAMESPACE }, spec };
    const made = JSON.parse(done(["create", "-o", "json", "-f", "-"], JSON.stringify(pod))) as {
      metadata: { uid: string };
    };
    POD.uid = made.metadata.uid;
    right = tokenFor(AUDIENCE);
  });

  test("the right one tells account and pod", () => {
    expect(review(right)).toMatchObject({
      authenticated: true,
      audiences: [AUDIENCE],
      user: {
        username: `system:serviceaccount:${NAMESPACE}:runner`,
        extra: {
          "authentication.kubernetes.io/pod-name": [POD.name],
          "authentication.kubernetes.io/pod-uid": [POD.uid],
        },
      },
    });
  });

  test("one for somebody else, a garbled one and a forged one are refused", async () => {
    expect(review(tokenFor("another")).authenticated).not.toBe(true);
    expect(review(`${right.slice(0, -8)}AAAAAAAA`).authenticated).not.toBe(true);
    expect(review("garbage").authenticated).not.toBe(true);
    const { generateKeyPairSync } = await import("node:crypto");
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const forged = await changed({}, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    expect(review(forged).authenticated).not.toBe(true);
  });

  test("one that expired is refused, and only because it expired", async () => {
    const now = Math.floor(Date.now() / 1000);
    expect(review(await changed({ exp: now + 60 })).authenticated).toBe(true);
    expect(review(await changed({ iat: now - 700, nbf: now - 700, exp: now - 60 })).authenticated).not.toBe(
      true,
    );
  });

  test("one of a pod that was deleted is refused, as soon as the server forgets what it knew", async () => {
    expect(review(right).authenticated).toBe(true);
    done(["delete", "pod", POD.name, "-n", NAMESPACE, "--force", "--grace-period=0"]);
    await eventually(() => expect(review(right).authenticated).not.toBe(true), 500);
  });
});
