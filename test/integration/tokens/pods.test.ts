import { decodeJwt, decodeProtectedHeader, jwtVerify, createLocalJWKSet, type JSONWebKeySet } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { podClient } from "../../support/pod-client.ts";
import { openSse } from "../../support/sse-reader.ts";
import {
  EXCHANGE,
  JWT,
  knows,
  podToken,
  tokenStage,
  type OAuthAnswer,
  type Reviews,
  type TokenStage,
} from "./stage.ts";

let stage: TokenStage;

beforeAll(async () => void (stage = await tokenStage()));
afterAll(() => stage?.close());
beforeEach(() => stage.review((token) => ({ status: 201, body: knows(uidIn(token)) })));

function uidIn(token: string): string {
  return String(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).uid);
}

const exchange = (token: string, more: Record<string, string> = {}): Promise<OAuthAnswer> =>
  stage.ask({ grant_type: EXCHANGE, subject_token: token, subject_token_type: JWT, ...more });

async function bind(session: string, uid: string, more: object = {}): Promise<number> {
  const pod = { namespace: "runners", service_account: "runner", pod_uid: uid, ...more };
  return (await stage.serve.call("PUT", `/sessions/${session}/pod?user_id=ann`, pod)).status;
}

const bearer = (answer: OAuthAnswer): { authorization: string } => ({
  authorization: `Bearer ${String(answer.json["access_token"])}`,
});

test("a pod that is recorded for a session gets a token, which reaches that session alone", async () => {
  expect(await bind("s1", "uid-1")).toBe(200);
  let asked: Record<string, unknown> = {};
  stage.review((token, it) => {
    asked = it;
    return { status: 201, body: knows(uidIn(token)) };
  });
  const answer = await exchange(podToken("uid-1"));
  expect(answer).toMatchObject({
    status: 200,
    json: {
      token_type: "Bearer",
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      expires_in: 600,
      scope: "read write",
      session_id: "s1",
    },
  });
  expect(answer.json).not.toHaveProperty("refresh_token");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(asked).toMatchObject({
    authorization: "Bearer token-of-the-service",
    kind: "TokenReview",
    spec: { audiences: ["runner-relay"] },
  });
  const token = String(answer.json["access_token"]);
  expect(decodeProtectedHeader(token)).toMatchObject({ alg: "ES256", typ: "at+jwt" });
  expect(decodeJwt(token)).toMatchObject({ iss: "runner-relay", sub: "ann", session: "s1" });

  // the published keys are enough to check it
  const jwks = (await (await fetch(`${stage.tokens.url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  await jwtVerify(token, createLocalJWKSet(jwks), {
    audience: "runner-relay-sessions",
    algorithms: ["ES256"],
  });
  expect(JSON.stringify(jwks)).not.toContain('"d"');

  using pod = podClient(stage.serve.url, { key: token });
  expect(await pod.push("s1", "assistant", "hello")).toMatchObject({ payload: "hello" });
  await expect(pod.push("s1", "user", "hello")).rejects.toMatchObject({ code: 7 }); // it is nobody's voice
  await expect(pod.push("another", "assistant", "x")).rejects.toMatchObject({ code: 5 });
  await expect(pod.watch("another").ended).resolves.toMatchObject({ code: 5 });
});

test("a token of fewer scopes does less", async () => {
  await bind("s2", "uid-2");
  const answer = await exchange(podToken("uid-2"), { scope: "read" });
  expect(answer.json).toMatchObject({ scope: "read" });
  const push = { type: "text", data: {} };
  expect(await stage.serve.call("POST", "/sessions/s2/events", push, bearer(answer))).toMatchObject({
    status: 403,
    json: { code: "scope_missing" },
  });
  expect(await stage.serve.call("GET", "/sessions/s2", undefined, bearer(answer))).toMatchObject({
    status: 200,
  });
});

test("when the session is deleted its token counts no more, its streams end, and there is no other one", async () => {
  await bind("s3", "uid-3");
  const answer = await exchange(podToken("uid-3"));
  const head = bearer(answer);
  using pod = podClient(stage.serve.url, { key: String(answer.json["access_token"]) });
  await pod.push("s3", "assistant", "one");
  const watch = pod.watch("s3");
  await watch.first(1);
  const sse = await openSse(`${stage.serve.url}/sessions/s3/events`, head);
  const at = Date.now();
  expect(await stage.serve.call("DELETE", "/sessions/s3?user_id=ann")).toMatchObject({ status: 200 });
  await watch.ended;
  while ((await sse.next()) !== undefined);
  expect(Date.now() - at).toBeLessThan(5000);
  for (const path of ["/sessions/s3", "/sessions", "/sessions/s3/events"])
    expect(await stage.serve.call("GET", path, undefined, head)).toMatchObject({ status: 401 });
  await expect(pod.push("s3", "assistant", "two")).rejects.toMatchObject({ code: 16 });
  expect(await exchange(podToken("uid-3"))).toMatchObject({ status: 400, json: { error: "invalid_grant" } });

  // a session that is made by the same id is another one
  expect(await bind("s3", "uid-3b")).toBe(404);
  await stage.serve.call("POST", "/sessions", { session_id: "s3", user_id: "ann" });
  expect(await stage.serve.call("GET", "/sessions/s3", undefined, head)).toMatchObject({ status: 401 });
});

test("only an admin says which pod runs what, and a pod runs one session", async () => {
  expect(await bind("s4", "uid-4")).toBe(200);
  expect(await bind("s4", "uid-4")).toBe(200);
  const other = await stage.serve.call("PUT", "/sessions/s5/pod?user_id=bob", {
    namespace: "runners",
    service_account: "runner",
    pod_uid: "uid-4",
  });
  expect(other).toMatchObject({ status: 409, json: { code: "pod_taken" } });
  const answer = await exchange(podToken("uid-4"));
  const refused = await stage.serve.call(
    "PUT",
    "/sessions/s4/pod",
    { namespace: "runners", service_account: "runner", pod_uid: "uid-x" },
    bearer(answer),
  );
  expect(refused).toMatchObject({ status: 403, json: { code: "scope_missing" } });
  for (const pod of [{ pod_uid: "" }, { namespace: "A/B" }, { service_account: "x".repeat(300) }])
    expect(await bind("s4", "uid-4", pod)).toBe(400);
});

test.each<[string, () => string]>([
  [
    "it does not know the token",
    () => JSON.stringify({ status: { authenticated: false, error: "expired" } }),
  ],
  ["the token is for another audience", () => knows("uid-6", { audiences: ["https://kubernetes"] })],
  ["the account is another one", () => knows("uid-6", { account: "system:serviceaccount:runners:other" })],
  ["the namespace is another one", () => knows("uid-6", { account: "system:serviceaccount:other:runner" })],
  ["it is a person's", () => knows("uid-6", { account: "admin" })],
  ["no session is recorded for the pod", () => knows("uid-unknown")],
])("a pod gets none if %s", async (_, said) => {
  await bind("s6", "uid-6");
  stage.review(() => ({ status: 201, body: said() }));
  const answer = await exchange(podToken("uid-6"));
  expect(answer).toMatchObject({ status: 400, json: { error: "invalid_grant" } });
  expect(answer.json["error_description"]).not.toContain("audience"); // only the log says why
});

test("an API server that redirects is not followed: the service's login goes nowhere else", async () => {
  const before = stage.reviewed();
  // as good as another host: it would be asked once more
  stage.review(() => ({ status: 307, body: "", headers: { location: "/elsewhere" } }));
  expect(await exchange(podToken("uid-1"))).toMatchObject({ status: 503 });
  expect(stage.reviewed()).toBe(before + 1);
});

test.each<[string, () => ReturnType<Reviews>]>([
  ["fails", () => ({ status: 500, body: "{}" })],
  ["does not let the service ask", () => ({ status: 403, body: "{}" })],
  ["answers too much", () => ({ status: 201, body: `{"a":"${"x".repeat(70_000)}"}` })],
  ["answers 10 MB", () => ({ status: 201, body: `{"a":"${"x".repeat(10_000_000)}"}` })],
  ["answers too deep", () => ({ status: 201, body: `${"[".repeat(30_000)}${"]".repeat(30_000)}` })],
  ["answers no JSON", () => ({ status: 201, body: "hello" })],
  ["says nothing for five seconds", () => "silence"],
])(
  "an API server that %s: later, not never",
  async (_, how) => {
    stage.review(how);
    const answer = await exchange(podToken("uid-1"));
    expect(answer).toMatchObject({ status: 503, json: { error: "temporarily_unavailable" } });
    expect(answer.headers.get("retry-after")).toBe("2");
  },
  20_000,
);

test("what is no JWT is not asked about, and no secret is logged", async () => {
  const before = stage.reviewed();
  expect(await exchange("garbage")).toMatchObject({ status: 400, json: { error: "invalid_grant" } });
  expect(stage.reviewed()).toBe(before);
  const log = stage.lines.join("\n");
  expect(log).toContain("it is no JWT");
  expect(log).not.toContain(podToken("uid-1"));
  expect(log).not.toContain("token-of-the-service");
  expect(log).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);
});
