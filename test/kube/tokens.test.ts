import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { systemClock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import { createReviewer, type Cluster, type Reviewer } from "../../src/tokens/token-review.ts";
import { EXCHANGE, JWT, tokenStage, type TokenStage } from "../integration/tokens/stage.ts";
import { selfSigned } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { render, workloadsOf, type Manifest } from "../support/kube/manifests.ts";
import { startApiServer, type ApiServer } from "./api-server.ts";

// The token service asks a real API server, with the account and the role of the manifests.

const NAMESPACE = "runner-relay";
const AUDIENCE = "runner-relay";
const POD = { name: "runner-x", uid: "" };
let folder: string;
let server: ApiServer;
let cluster: Cluster;
let review: Reviewer;
let stage: TokenStage;
let right: string;

function done(args: string[], input?: string): string {
  const { ok, said } = server.kubectl(args, input);
  expect(ok, said).toBe(true);
  return said;
}

function tokenFor(audience: string): string {
  const bound = [
    "--bound-object-kind",
    "Pod",
    "--bound-object-name",
    POD.name,
    "--bound-object-uid",
    POD.uid,
  ];
  const args = ["create", "token", "runner", "-n", NAMESPACE, "--audience", audience, "--duration", "10m"];
  return done([...args, ...bound]).trim();
}

/** The right token with other claims, signed by the cluster's own key unless another one is given. */
async function changed(claims: object, key: string = server.signingKey): Promise<string> {
  const { kid = "" } = decodeProtectedHeader(right);
  return await new SignJWT({ ...decodeJwt(right), ...claims })
    .setProtectedHeader({ alg: "RS256", kid })
    .sign(createPrivateKey(key));
}

/** Writes a token of an account of ours, as the kubelet does; the path. */
function loginOf(account: string): string {
  const path = join(folder, account);
  const token = done(["create", "token", account, "-n", NAMESPACE, "--duration", "1h"]);
  writeFileSync(path, token, { mode: 0o600 });
  return path;
}

async function exchanged(token: string): Promise<[status: number, error: unknown]> {
  const form = { grant_type: EXCHANGE, subject_token: token, subject_token_type: JWT };
  const { status, json } = await stage.ask(form);
  return [status, json["error"]];
}

const REFUSED = [400, "invalid_grant"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rr-kube-tokens-"));
  const manifests = await render("local");
  server = await startApiServer();
  for (const kind of ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"]) {
    const some = manifests.filter((it) => it.kind === kind);
    done(["apply", "-f", "-"], some.map((it) => stringify(it)).join("---\n"));
  }
  POD.uid = makePod(manifests);
  right = tokenFor(AUDIENCE);
  const { issuer: url, authority: caFile } = server;
  cluster = { url, caFile, tokenFile: loginOf("tokens"), audience: AUDIENCE };
  review = createReviewer(cluster, { clock: systemClock, log: silentLogger() });
  stage = await tokenStage({ cluster });
  const pod = { namespace: NAMESPACE, service_account: "runner", pod_uid: POD.uid };
  expect(await stage.serve.call("PUT", "/sessions/s1/pod?user_id=ann", pod)).toMatchObject({ status: 200 });
});
afterAll(async () => {
  await stage?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function makePod(manifests: readonly Manifest[]): string {
  const runner = workloadsOf(manifests).find(({ name }) => name === "runner");
  const { spec } = runner?.template ?? {};
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: POD.name, namespace: NAMESPACE }, spec };
  const made = JSON.parse(done(["create", "-o", "json", "-f", "-"], JSON.stringify(pod))) as {
    metadata: { uid: string };
  };
  return made.metadata.uid;
}

test("the right one tells account and pod, and is exchanged for a token of the pod's session", async () => {
  expect(await review(right)).toEqual({
    kind: "pod",
    pod: { namespace: NAMESPACE, serviceAccount: "runner", uid: POD.uid },
  });
  expect(await exchanged(right)).toEqual([200, undefined]);
});

test("one for somebody else, one of no pod, a garbled one and a forged one are refused", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ofNoPod = ["create", "token", "runner", "-n", NAMESPACE, "--audience", AUDIENCE];
  for (const wrong of [
    tokenFor("another"),
    done(ofNoPod).trim(),
    `${right.slice(0, -8)}AAAAAAAA`,
    await changed({}, privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
    await changed({ iss: "https://issuer.example" }),
  ]) {
    expect(await review(wrong)).toMatchObject({ kind: "refused" });
    expect(await exchanged(wrong)).toEqual(REFUSED);
  }
});

test("one that expired is refused, and only because it expired", async () => {
  const now = Math.floor(Date.now() / 1000);
  expect(await exchanged(await changed({ exp: now + 60 }))).toEqual([200, undefined]);
  const expired = await changed({ iat: now - 700, nbf: now - 700, exp: now - 60 });
  expect(await review(expired)).toMatchObject({ kind: "refused" });
  expect(await exchanged(expired)).toEqual(REFUSED);
});

test("an account without the role, and a login that counts no longer, are told from a wrong token: later", async () => {
  const gone = join(folder, "gone");
  writeFileSync(gone, "eyJhbGciOiJSUzI1NiJ9.e30.AAAA");
  for (const tokenFile of [loginOf("relay"), gone, join(folder, "none")]) {
    const other = createReviewer({ ...cluster, tokenFile }, { clock: systemClock, log: silentLogger() });
    expect(await other(right)).toEqual({ kind: "unknown" });
  }
});

test("an API server of another authority is not asked", async () => {
  const caFile = join(folder, "other.pem");
  writeFileSync(caFile, selfSigned().certificate);
  const other = createReviewer({ ...cluster, caFile }, { clock: systemClock, log: silentLogger() });
  expect(await other(right)).toEqual({ kind: "unknown" });
});

test("one of a pod that was deleted is refused, as soon as the server forgets what it knew", async () => {
  expect(await exchanged(right)).toEqual([200, undefined]);
  done(["delete", "pod", POD.name, "-n", NAMESPACE, "--force", "--grace-period=0"]);
  await eventually(async () => expect(await review(right)).toMatchObject({ kind: "refused" }), 500);
  expect(await exchanged(right)).toEqual(REFUSED);
});
