import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from "jose";
import { expect, test } from "vitest";
import { createIssuerKeys } from "../../../../src/sessions/access/issuer-keys.ts";
import { createTokens, isTokenLike, SKEW_MS, type Token } from "../../../../src/sessions/access/tokens.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

const ISSUER = "https://issuer.example/tenant";
const KEYS_AT = "https://keys.example/jwks";
const AUDIENCE = "runner-relay";
const first = await generateKeyPair("ES256", { extractable: true });
const second = await generateKeyPair("ES256", { extractable: true });

type KeyLike = typeof first.privateKey;
/** As JavaScript may write them: absent ones are left out. */
type Claims = { [name in keyof JWTPayload]: unknown };
type Answer = () => Response | Promise<Response>;
type Stage = {
  clock: FakeClock;
  answers: Map<string, Answer>;
  asked: string[];
  /** A token as the issuer makes it, with changes. */
  make(claims?: Claims, how?: { kid?: string; key?: KeyLike; alg?: string }): Promise<string>;
  read(token: string): Promise<Token>;
};

async function stage(): Promise<Stage> {
  const clock = createFakeClock();
  const asked: string[] = [];
  const jwk = { ...(await exportJWK(first.publicKey)), kid: "k1" };
  const answers = new Map<string, Answer>([
    [
      `${ISSUER}/.well-known/openid-configuration`,
      () => Response.json({ issuer: ISSUER, jwks_uri: KEYS_AT }),
    ],
    [KEYS_AT, () => Response.json({ keys: [jwk] })],
  ]);
  const fetch = async (input: unknown): Promise<Response> => {
    asked.push(String(input));
    return (await answers.get(String(input))?.()) ?? new Response(null, { status: 404 });
  };
  const log = silentLogger();
  const issued = createIssuerKeys(ISSUER, { fetch, clock, log });
  const tokens = createTokens({ issued, audience: AUDIENCE, clock });
  const now = Math.floor(clock.wall() / 1000);
  return {
    clock,
    answers,
    asked,
    read: (token) => tokens.read(token),
    make: (claims = {}, { kid = "k1", key = first.privateKey, alg = "ES256" } = {}) =>
      new SignJWT({
        iss: ISSUER,
        aud: AUDIENCE,
        sub: "ann",
        exp: now + 60,
        scope: "openid read user",
        ...(claims as JWTPayload),
      })
        .setProtectedHeader({ alg, kid })
        .sign(key),
  };
}

test("a good token says who, what and until when; the issuer is asked once", async () => {
  const { read, make, asked, clock } = await stage();
  const token = await make();
  expect(isTokenLike(token)).toBe(true);
  for (let i = 0; i < 3; i += 1)
    expect(await read(token)).toEqual({
      kind: "valid",
      user: "ann",
      scopes: new Set(["read", "user"]),
      until: clock.wall() + 60_000,
    });
  expect(asked).toHaveLength(2);
});

test("a token without our scopes allows nothing", async () => {
  const { read, make } = await stage();
  for (const scope of [undefined, "", "READ", ["read"]])
    expect(await read(await make({ scope }))).toMatchObject({ kind: "valid", scopes: new Set() });
});

const now = Math.floor(createFakeClock().wall() / 1000);
test.each([
  ["another issuer", { iss: "https://issuer.example" }],
  ["another audience", { aud: "coordinator" }],
  ["no audience", { aud: undefined }],
  ["expired", { exp: now }],
  ["never ends", { exp: undefined }],
  ["not yet valid", { nbf: now + SKEW_MS / 1000 + 1 }],
  ["no user", { sub: undefined }],
  ["a user that cannot be one", { sub: "a/b" }],
  ["a user of another type", { sub: 7 }],
])("refused: %s", async (_, claims) => {
  const { read, make } = await stage();
  expect(await read(await make(claims))).toMatchObject({ kind: "invalid" });
});

test("the issuer's clock may be ahead by the skew; a token lives no longer for it", async () => {
  const { read, make, clock } = await stage();
  const token = await make({ exp: now + 1 });
  await clock.pass(999);
  expect(await read(token)).toMatchObject({ kind: "valid" });
  await clock.pass(1);
  expect(await read(token)).toEqual({ kind: "invalid", detail: "ERR_JWT_EXPIRED" });
  expect(await read(await make({ nbf: now + SKEW_MS / 1000 }))).toMatchObject({ kind: "valid" });
});

test("refused: a foreign key, a shared secret, no signature, a changed body", async () => {
  const { read, make } = await stage();
  expect(await read(await make({}, { key: second.privateKey }))).toMatchObject({ kind: "invalid" });
  const [head = "", body = "", signature = ""] = (await make()).split(".");
  const code = (it: object): string => Buffer.from(JSON.stringify(it)).toString("base64url");
  const admin = code({ iss: ISSUER, aud: AUDIENCE, sub: "ann", exp: now + 60, scope: "admin" });
  const none = code({ alg: "none" });
  const shared = code({ alg: "HS256", kid: "k1" });
  for (const forged of [
    `${head}.${admin}.${signature}`,
    `${none}.${body}.`,
    `${none}.${body}.${signature}`,
    `${shared}.${body}.${signature}`,
    `${head}.${body}.`,
    "eyJ.x.y",
  ])
    expect(await read(forged)).toMatchObject({ kind: "invalid" });
});

test("a new key of the issuer is found, and one that it took back counts no more after ten minutes", async () => {
  const { read, make, answers, asked } = await stage();
  const token = await make();
  expect(await read(token)).toMatchObject({ kind: "valid" });
  const unknown = await make({}, { kid: "k9", key: second.privateKey });
  expect(await read(unknown)).toMatchObject({ kind: "invalid" });
  expect(asked).toHaveLength(2); // it was asked a moment ago
  const jwk = { ...(await exportJWK(second.publicKey)), kid: "k2" };
  answers.set(KEYS_AT, () => Response.json({ keys: [jwk] }));
  const fresh = await stage();
  fresh.answers.set(KEYS_AT, () => Response.json({ keys: [jwk] }));
  expect(await fresh.read(await make({}, { kid: "k2", key: second.privateKey }))).toMatchObject({
    kind: "valid",
  });
  expect(await fresh.read(token)).toMatchObject({ kind: "invalid" });
});

test("an issuer that is away leaves tokens unchecked, is not asked all the time, and comes back", async () => {
  const { read, make, answers, asked, clock } = await stage();
  const [config = ""] = answers.keys();
  const good = answers.get(config);
  answers.set(config, () => Promise.reject(new Error("refused")));
  const token = await make();
  for (let i = 0; i < 3; i += 1) expect(await read(token)).toMatchObject({ kind: "unchecked" });
  expect(asked).toHaveLength(1);
  if (good !== undefined) answers.set(config, good);
  await clock.pass(2000);
  expect(await read(token)).toMatchObject({ kind: "valid" });
});

test.each<[string, Answer]>([
  ["an error", () => new Response("{}", { status: 500 })],
  ["no JSON", () => new Response("<html>")],
  ["too much", () => new Response(`{"issuer":"${"x".repeat(300 * 1024)}"}`)],
  ["another issuer", () => Response.json({ issuer: "https://evil.example", jwks_uri: KEYS_AT })],
  ["no keys", () => Response.json({ issuer: ISSUER })],
  ["keys in the clear", () => Response.json({ issuer: ISSUER, jwks_uri: "http://keys.example/jwks" })],
  ["keys that are none", () => Response.json({ issuer: ISSUER, jwks_uri: "https://keys.example/none" })],
])("an issuer that answers with %s leaves tokens unchecked", async (_, answer) => {
  const { read, make, answers } = await stage();
  answers.set("https://keys.example/none", () => Response.json({ keys: "none" }));
  const [config = ""] = answers.keys();
  answers.set(config, answer);
  expect(await read(await make())).toMatchObject({ kind: "unchecked" });
});
