import { generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findSession } from "../../../src/shared/session-log/registry/find.ts";
import { publishTokenKey, type TokenKey } from "../../../src/shared/session-log/tokens/token-keys.ts";
import type { TestBroker } from "../../support/broker.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

// A server of sessions and tokens that are almost right: each differs from the right one in one thing.

let broker: TestBroker;
let serve: TestServe;
let name: string;
let key: { secret: KeyObject; kid: string };

beforeAll(async () => {
  broker = await sessionsBroker();
  serve = await startTestServe(broker);
  await serve.call("POST", "/sessions", { session_id: "s1" });
  const nc = await broker.connect("tokens");
  const found = await findSession(await jetstreamManager(nc, { checkAPI: false }), "default", "s1");
  name = found.kind === "there" ? found.session.name : "";
  key = newKey();
  await publishTokenKey(nc, publicHalf(key), 3600);
});
afterAll(async () => {
  await serve?.close();
  await broker?.[Symbol.asyncDispose]();
});

function newKey(): typeof key {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { secret: privateKey, kid: randomBytes(16).toString("base64url") };
}

function publicHalf({ secret, kid }: typeof key): TokenKey {
  const { x = "", y = "" } = secret.export({ format: "jwk" });
  return { kty: "EC", crv: "P-256", x, y, kid };
}

type Changes = { head?: object; claims?: object; signedBy?: KeyObject | Uint8Array };

function tokenWith({ head, claims, signedBy = key.secret }: Changes = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    iss: "runner-relay",
    aud: "runner-relay-sessions",
    sub: "default",
    session: "s1",
    sid: name,
    scope: "read write",
    iat: now,
    nbf: now,
    exp: now + 600,
    ...claims,
  })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: key.kid, ...head })
    .sign(signedBy);
}

async function statusOf(token: string): Promise<number> {
  const answer = await serve.call("GET", "/sessions/s1", undefined, { authorization: `Bearer ${token}` });
  return answer.status;
}

test("the right one counts", async () => {
  expect(await statusOf(await tokenWith())).toBe(200);
});

const now = (): number => Math.floor(Date.now() / 1000);

test.each<[string, () => Changes]>([
  [
    "its alg is HS256, with the public key as the secret",
    () => ({ head: { alg: "HS256" }, signedBy: randomBytes(32) }),
  ],
  ["its type is another one", () => ({ head: { typ: "JWT" } })],
  ["its key is unknown", () => ({ head: { kid: randomBytes(16).toString("base64url") } })],
  ["its key is named oddly", () => ({ head: { kid: "*" } })],
  ["it has no key", () => ({ head: { kid: undefined } })],
  ["another key signed it", () => ({ signedBy: newKey().secret })],
  ["its issuer is another one", () => ({ claims: { iss: "https://issuer.example" } })],
  ["its audience is another one", () => ({ claims: { aud: "runner-relay" } })],
  ["it has expired", () => ({ claims: { exp: now() - 1, iat: now() - 500 } })],
  ["it counts later", () => ({ claims: { nbf: now() + 60 } })],
  ["it was given out later", () => ({ claims: { iat: now() + 600, exp: now() + 700 } })],
  ["it lives for longer than any", () => ({ claims: { exp: now() + 3600 } })],
  ["it never ends", () => ({ claims: { exp: undefined } })],
  ["it names no session", () => ({ claims: { session: undefined } })],
  ["it names a session oddly", () => ({ claims: { session: "a/b" } })],
  ["its session's name is of no session", () => ({ claims: { sid: "*" } })],
  ["it has no user", () => ({ claims: { sub: undefined } })],
  ["its scopes are no text", () => ({ claims: { scope: ["read"] } })],
])("USER-1: one is refused if %s", async (_, changes) => {
  expect(await statusOf(await tokenWith(changes()))).toBe(401);
});

test("USER-1: one without a signature, and one that was changed, are refused", async () => {
  const right = await tokenWith();
  const [head = "", claims = "", signature = ""] = right.split(".");
  const more = JSON.parse(Buffer.from(claims, "base64url").toString()) as object;
  const grown = Buffer.from(JSON.stringify({ ...more, scope: "read write user admin" })).toString(
    "base64url",
  );
  const unsigned = new UnsecuredJWT({ ...more }).encode();
  for (const wrong of [
    unsigned,
    `${head}.${grown}.${signature}`,
    `${head}.${claims}.`,
    `${head}.${claims}.AAAA`,
  ])
    expect(await statusOf(wrong)).toBe(401);
});

test("USER-1: one of another session, and one with more scopes than there are, get no more than a pod may", async () => {
  await serve.call("POST", "/sessions", { session_id: "s2" });
  const other = await tokenWith({ claims: { session: "s2" } });
  expect(await statusOf(other)).toBe(404);
  const ambitious = { authorization: `Bearer ${await tokenWith({ claims: { scope: "read user admin" } })}` };
  expect(await serve.call("DELETE", "/sessions/s1", undefined, ambitious)).toMatchObject({ status: 403 });
  expect(await serve.call("GET", "/sessions", undefined, ambitious)).toMatchObject({
    json: { sessions: [{ session_id: "s1" }] },
  });
});
