import { constants, publicEncrypt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EXCHANGE, JOIN, tokenStage, type OAuthAnswer, type TokenStage } from "./stage.ts";

let stage: TokenStage;

beforeAll(async () => void (stage = await tokenStage({ older: true })));
afterAll(() => stage?.close());

async function secretFor(session: string): Promise<string> {
  await stage.serve.call("POST", "/sessions", { session_id: session });
  const made = await stage.serve.call("POST", `/sessions/${session}/join-secrets`);
  expect(made).toMatchObject({ status: 201, json: { expires_in: 600 } });
  expect(made.headers.get("cache-control")).toBe("no-store");
  return String(made.json.join_secret);
}

const join = (secret: string): Promise<OAuthAnswer> =>
  stage.ask({ grant_type: EXCHANGE, subject_token: secret, subject_token_type: JOIN });
const refresh = (secret: unknown): Promise<OAuthAnswer> =>
  stage.ask({ grant_type: "refresh_token", refresh_token: String(secret) });
const REFUSED = { status: 400, json: { error: "invalid_grant" } };

test("a join secret is exchanged once, and what comes with it goes on, once each", async () => {
  const secret = await secretFor("j1");
  const first = await join(secret);
  expect(first).toMatchObject({ status: 200, json: { session_id: "j1", expires_in: 600 } });
  const headers = { authorization: `Bearer ${String(first.json["access_token"])}` };
  const push = { type: "text", data: {} };
  expect(await stage.serve.call("POST", "/sessions/j1/events", push, headers)).toMatchObject({ status: 200 });
  expect(await join(secret)).toMatchObject(REFUSED);
  const second = await refresh(first.json["refresh_token"]);
  expect(second).toMatchObject({ status: 200, json: { session_id: "j1" } });
  expect(second.json["refresh_token"]).not.toBe(first.json["refresh_token"]);
  expect(await refresh(first.json["refresh_token"])).toMatchObject(REFUSED);
  expect(await join(String(second.json["refresh_token"]))).toMatchObject(REFUSED); // one is no use as the other
  expect(await refresh(second.json["refresh_token"])).toMatchObject({ status: 200 });
  await stage.serve.call("DELETE", "/sessions/j1");
  const unused = await secretFor("j1b");
  await stage.serve.call("DELETE", "/sessions/j1b");
  expect(await join(unused)).toMatchObject(REFUSED);
  expect(stage.lines.join("\n")).not.toContain(secret);
});

test("of several who use one secret at once, one gets a token", async () => {
  const secret = await secretFor("j2");
  const answers = await Promise.all(Array.from({ length: 8 }, () => join(secret)));
  const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
  expect(statuses).toEqual([200, ...Array<number>(7).fill(400)]);
});

test("a secret that nobody made, and one that was changed, are refused", async () => {
  const secret = await secretFor("j3");
  for (const wrong of [
    "",
    "x",
    `${secret}x`,
    `rrj_${"A".repeat(43)}`,
    secret.toLowerCase(),
    "rrj_*",
    "rrj_>",
  ])
    expect((await join(wrong)).status).toBe(400);
  expect(await join(secret)).toMatchObject({ status: 200 });
});

describe("bodies", () => {
  const post = (body: string, type: string): Promise<Response> =>
    fetch(`${stage.tokens.url}/token`, { method: "POST", headers: { "content-type": type }, body });
  const FORM = "application/x-www-form-urlencoded";

  test.each([
    ["JSON", JSON.stringify({ grant_type: EXCHANGE }), "application/json"],
    ["nothing", "", FORM],
    ["another type", "grant_type=x", "text/plain"],
    ["a parameter twice", "grant_type=a&grant_type=b", FORM],
    ["a body that is too large", `grant_type=${"x".repeat(70_000)}`, FORM],
    ["a token that is too long", `grant_type=${EXCHANGE}&subject_token=${"x".repeat(17_000)}`, FORM],
  ])("%s is refused in OAuth's form", async (_, body, type) => {
    const answer = await post(body, type);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toMatchObject({ error: "invalid_request" });
  });

  test("other methods and paths", async () => {
    expect((await fetch(`${stage.tokens.url}/token`, { method: "PUT" })).status).toBe(404);
    expect((await fetch(`${stage.tokens.url}/other`)).status).toBe(404);
    expect(await (await fetch(`${stage.tokens.url}/healthz`)).text()).toBe("ok");
    expect((await fetch(`${stage.tokens.url}/ready`)).status).toBe(200);
  });
});

describe("the older form", () => {
  const shown = (id: string, oaepHash = "sha256"): string => {
    const key = { key: stage.olderKeys.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
    return publicEncrypt(key, Buffer.from(id)).toString("base64");
  };
  const ask = (authorization: string): Promise<Response> =>
    fetch(`${stage.tokens.url}/token`, { headers: { authorization } });

  test("a session that a pod has gets a token for that session; nothing else does", async () => {
    await stage.serve.call("PUT", "/sessions/older-pod/pod", {
      namespace: "runners",
      service_account: "runner",
      pod_uid: "uid-older",
    });
    await stage.serve.call("POST", "/sessions", { session_id: "older-worker" });
    const answer = await ask(`Bearer ${shown("older-pod")}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const { token } = (await answer.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    expect(await stage.serve.call("GET", "/sessions/older-pod", undefined, headers)).toMatchObject({
      status: 200,
    });
    expect(await stage.serve.call("GET", "/sessions/older-worker", undefined, headers)).toMatchObject({
      status: 404,
    });
    for (const id of ["older-worker", "no-such-session", "short", "with space"])
      expect((await ask(`Bearer ${shown(id)}`)).status, id).toBe(403);
    for (const wrong of [
      "",
      "Basic eDp5",
      "Bearer",
      "Bearer !!!",
      "Bearer AAAA",
      `Bearer ${shown("older-pod", "sha1")}`,
    ])
      expect((await ask(wrong)).status, wrong).toBe(401);
    await stage.serve.call("DELETE", "/sessions/older-pod");
    expect((await ask(`Bearer ${shown("older-pod")}`)).status).toBe(403);
  });
});

test("who is refused too often is not heard for a while", async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 70; i++) statuses.push((await join("wrong")).status);
  expect(statuses.slice(-5)).toEqual([429, 429, 429, 429, 429]);
});
