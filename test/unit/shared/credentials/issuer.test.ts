import { describe, expect, test } from "vitest";
import { chooseCredentials, type OidcChoice } from "../../../../src/shared/credentials/choice.ts";
import { createIssuer } from "../../../../src/shared/credentials/issuer.ts";
import type { TokenAnswer } from "../../../../src/shared/credentials/attempt.ts";
import { ALL_SETTINGS, RELAY_SETTINGS } from "../../../../src/shared/settings/index.ts";
import { loadSettings } from "../../../../src/shared/base/config/load.ts";
import { SecretRegistry } from "../../../../src/shared/base/logger.ts";
import { USER_AGENT } from "../../../../src/shared/base/version.ts";

const SECRET = "cl1ent-s3cret+x";
const never = new AbortController().signal;

type Call = { url: string; body: string; headers: Record<string, string> };

/** An issuer that is played by a table of answers by URL; `pages` may be changed between requests. */
function play(
  env: Record<string, string>,
  pages: Record<string, (call: Call) => Response>,
): { ask: () => Promise<TokenAnswer>; calls: Call[] } {
  const calls: Call[] = [];
  const secrets = new SecretRegistry();
  secrets.add(SECRET);
  const played: typeof fetch = async (input, options) => {
    const request = new Request(input, options);
    const { url, headers } = request;
    const call = { url, body: await request.text(), headers: Object.fromEntries(headers) };
    calls.push(call);
    return pages[url]?.(call) ?? new Response("nothing here", { status: 404 });
  };
  const { values } = loadSettings(RELAY_SETTINGS, { env, known: ALL_SETTINGS });
  const issuer = createIssuer(chooseCredentials(values) as OidcChoice, { fetch: played, secrets });
  return { ask: () => issuer.requestToken(SECRET, never), calls };
}

test("every request has a User-Agent", async () => {
  const { calls } = await ask(
    {
      RUNNER_RELAY_OIDC_ISSUER: "https://id.example",
      RUNNER_RELAY_OIDC_CLIENT_ID: "relay",
      RUNNER_RELAY_OIDC_CLIENT_SECRET: SECRET,
    },
    {
      "https://id.example/.well-known/openid-configuration": json({
        issuer: "https://id.example",
        token_endpoint: "https://id.example/token",
      }),
      "https://id.example/token": token,
    },
  );
  expect(calls.map(({ headers }) => headers["user-agent"])).toEqual([USER_AGENT, USER_AGENT]);
});

async function ask(...how: Parameters<typeof play>): Promise<{ answer: TokenAnswer; calls: Call[] }> {
  const played = play(...how);
  return { answer: await played.ask(), calls: played.calls };
}

function json(value: unknown, status = 200): () => Response {
  return () => Response.json(value, { status });
}

const token = json({ access_token: "the-token", token_type: "Bearer", expires_in: 60 });

const ISSUER = {
  RUNNER_RELAY_OIDC_ISSUER: "https://id.example",
  RUNNER_RELAY_OIDC_CLIENT_ID: "relay",
  RUNNER_RELAY_OIDC_CLIENT_SECRET: SECRET,
};

/** What comes of an issuer's answer to the token request. */
async function given(answer: () => Response): Promise<TokenAnswer> {
  const played = await ask(ISSUER, {
    "https://id.example/.well-known/openid-configuration": json({
      issuer: "https://id.example",
      token_endpoint: "https://id.example/token",
      id_token_signing_alg_values_supported: ["RS256"],
      scopes_supported: null,
      jwks_uri: 7,
    }),
    "https://id.example/token": answer,
  });
  return played.answer;
}

/** An id token as issuers send it unasked: `claims` on top of what would be right. */
function idToken(claims: object, head: object = { alg: "RS256" }): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(head)}.${part({ iss: "https://id.example", aud: "relay", sub: "relay", ...claims })}.c2ln`;
}

describe("which answers bring a token", () => {
  const usual = { access_token: "the-token", token_type: "Bearer", expires_in: 60 };

  test.each<[string, object]>([
    ["id token of another audience", { id_token: idToken({ aud: "another", exp: 1, iat: 1 }) }],
    ["id token from the future", { id_token: idToken({ exp: 9e12, iat: 8e12, nbf: 8e12 }) }],
    ["id token with another algorithm", { id_token: idToken({}, { alg: "ES512" }) }],
    ["id token that is none", { id_token: "none" }],
    ["id token null", { id_token: null }],
    ["id token object", { id_token: {} }],
    ["scope null", { scope: null }],
    ["scope list", { scope: ["a", "b"] }],
    ["refresh token null", { refresh_token: null }],
    ["refresh token empty", { refresh_token: "" }],
    ["error beside the token", { error: null, error_description: null }],
    ["type in capitals", { token_type: "BEARER" }],
    ["type in small letters", { token_type: "bearer" }],
    ["type null", { token_type: null }],
    ["type missing", { token_type: undefined }],
  ])("with %s", async (_, members) => {
    const answer = await given(json({ ...usual, ...members }));
    expect(answer).toEqual({ kind: "token", accessToken: "the-token", ttlMs: 60_000 });
  });

  test.each([[null], [0], [-1], ["soon"], [{}]])("with a life of %j, which says nothing", async (life) => {
    const answer = await given(json({ ...usual, expires_in: life }));
    expect(answer).toEqual({ kind: "token", accessToken: "the-token" });
  });

  test.each<[string, ResponseInit]>([
    ["201", { status: 201 }],
    ["another type", { headers: { "content-type": "text/plain" } }],
    ["a challenge", { headers: { "www-authenticate": 'Bearer realm="x"' } }],
  ])("with %s", async (_, how) => {
    expect((await given(() => new Response(JSON.stringify(usual), how))).kind).toBe("token");
  });

  test.each<[string, unknown]>([
    ["no token", { ...usual, access_token: undefined }],
    ["a null token", { ...usual, access_token: null }],
    ["an empty token", { ...usual, access_token: "" }],
    ["a number as token", { ...usual, access_token: 7 }],
    ["a token of two lines", { ...usual, access_token: "a\nb" }],
    ["a token for another scheme", { ...usual, token_type: "mac" }],
    ["a token that needs a proof", { ...usual, token_type: "DPoP" }],
    ["a type that is no text", { ...usual, token_type: 1 }],
    ["an error instead", { error: "slow_down" }],
    ["a list", [usual]],
  ])("but not with %s", async (_, body) => {
    expect(await given(json(body))).toMatchObject({ kind: "failed", code: "token_unavailable" });
  });
});

describe("how the issuer is asked", () => {
  test("by the Auth0 names: https://DOMAIN/ and the request of the original runner", async () => {
    const { answer, calls } = await ask(
      {
        AUTH0_DOMAIN: "tenant.eu.auth0.com",
        AUTH0_RUNNER_CLIENT_ID: "relay",
        AUTH0_RUNNER_CLIENT_SECRET: SECRET,
        AUTH0_AUDIENCE: "https://coordinator.example",
      },
      {
        "https://tenant.eu.auth0.com/.well-known/openid-configuration": json({
          issuer: "https://tenant.eu.auth0.com/",
          token_endpoint: "https://tenant.eu.auth0.com/oauth/token",
        }),
        "https://tenant.eu.auth0.com/oauth/token": token,
      },
    );
    expect(answer).toEqual({ kind: "token", accessToken: "the-token", ttlMs: 60_000 });
    expect(Object.fromEntries(new URLSearchParams(calls[1]?.body))).toEqual({
      grant_type: "client_credentials",
      client_id: "relay",
      client_secret: SECRET,
      audience: "https://coordinator.example",
    });
  });

  const OIDC = {
    RUNNER_RELAY_OIDC_ISSUER: "https://id.example/o/app/",
    RUNNER_RELAY_OIDC_CLIENT_ID: "relay",
    RUNNER_RELAY_OIDC_CLIENT_SECRET: SECRET,
  };
  const WELL_KNOWN = "https://id.example/o/app/.well-known/openid-configuration";

  test.each(["https://id.example/o/app/", "https://id.example/o/app"])(
    "the issuer's own name may end in a slash: %s",
    async (issuer) => {
      const found = json({ issuer, token_endpoint: "https://id.example/token" });
      const { answer } = await ask(OIDC, { [WELL_KNOWN]: found, "https://id.example/token": token });
      expect(answer).toMatchObject({ kind: "token" });
    },
  );

  test("is discovered once, and again after a failure: its endpoints may have moved", async () => {
    const issuer = "https://id.example/o/app";
    const pages: Record<string, () => Response> = {
      [WELL_KNOWN]: json({ issuer, token_endpoint: "https://id.example/old" }),
      "https://id.example/old": token,
    };
    const played = play(OIDC, pages);
    expect(await played.ask()).toMatchObject({ kind: "token" });
    expect(await played.ask()).toMatchObject({ kind: "token" });
    expect(played.calls).toHaveLength(3);
    delete pages["https://id.example/old"];
    pages["https://id.example/new"] = token;
    pages[WELL_KNOWN] = json({ issuer, token_endpoint: "https://id.example/new" });
    expect(await played.ask()).toMatchObject({ kind: "failed" });
    expect(await played.ask()).toMatchObject({ kind: "token" });
  });

  test("another issuer's document is not believed", async () => {
    const found = json({
      issuer: "https://evil.example/o/app",
      token_endpoint: "https://evil.example/token",
    });
    const { answer, calls } = await ask(OIDC, { [WELL_KNOWN]: found, "https://evil.example/token": token });
    expect(answer).toMatchObject({ kind: "failed", code: "token_unavailable" });
    expect(calls.map(({ url }) => url)).not.toContain("https://evil.example/token");
  });

  test("CRED-1 the secret never goes to a plain http endpoint", async () => {
    const found = json({ issuer: "https://id.example/o/app", token_endpoint: "http://id.example/token" });
    const { answer, calls } = await ask(OIDC, { [WELL_KNOWN]: found, "http://id.example/token": token });
    expect(answer).toMatchObject({ kind: "failed", reason: expect.stringContaining("HTTPS") as string });
    expect(calls).toHaveLength(1);
  });

  test.each<[string, () => Response, RegExp]>([
    ["HTML", () => new Response("<html>", { headers: { "content-type": "text/html" } }), /text\/html/],
    ["an array", json([]), /200/],
    ["no token", json({ token_type: "Bearer" }), /access_token/],
    ["a token of another kind", json({ access_token: "x", token_type: "dpop" }), /bearer/],
    ["a token with a line end", json({ access_token: "x\r\ny: z", token_type: "bearer" }), /bearer/],
    ["an endless answer", () => new Response("x".repeat(2_000_000)), /larger/],
    [
      "broken JSON",
      () =>
        new Response('{"access_token": leaked-token', { headers: { "content-type": "application/json" } }),
      /200/,
    ],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "https://id.example/login" } }),
      /302/,
    ],
  ])("%s from the token endpoint is no token", async (_title, page, reason) => {
    const found = json({ issuer: "https://id.example/o/app", token_endpoint: "https://id.example/token" });
    const { answer } = await ask(OIDC, { [WELL_KNOWN]: found, "https://id.example/token": page });
    expect(answer).toMatchObject({ kind: "failed", code: "token_unavailable" });
    expect(answer.kind === "failed" && answer.reason).toMatch(reason);
    expect(JSON.stringify(answer)).not.toContain("leaked");
    expect(JSON.stringify(answer)).not.toContain("object Object");
  });

  test("CRED-1 an issuer that echoes the secret is not quoted, in any of its forms", async () => {
    const found = json({ issuer: "https://id.example/o/app", token_endpoint: "https://id.example/token" });
    for (const auth of ["basic", "post"]) {
      let sent = "";
      const echo = ({ body, headers }: Call): Response => {
        sent = [headers["authorization"] ?? body, SECRET, body].join(" ");
        return Response.json({ error: "invalid_client", error_description: sent }, { status: 401 });
      };
      const { answer } = await ask(
        { ...OIDC, RUNNER_RELAY_OIDC_AUTH: auth },
        { [WELL_KNOWN]: found, "https://id.example/token": echo },
      );
      expect(answer).toMatchObject({ kind: "failed", code: "credentials_invalid" });
      expect(JSON.stringify(answer)).toContain("[secret]");
      expect(JSON.stringify(answer)).not.toContain("s3cret");
      if (auth === "basic") expect(JSON.stringify(answer)).not.toContain(sent.split(" ")[1]);
    }
  });
});
