import { createPublicKey, verify, type JsonWebKey, type KeyObject } from "node:crypto";

/** What a coordinator says to a request: claims of a good token, or its status for a bad one. */
type BearerVerdict =
  | { ok: true; claims: Record<string, unknown> }
  | { ok: false; status: 401 | 403; reason: string };

interface BearerVerifier {
  check(authorization: string | undefined): Promise<BearerVerdict>;
}

/**
 * Checks bearer JWTs (RS256, issuer, audience, expiry without leeway) as the real coordinator does: 401 for a missing or malformed
 * one, 403 for one that is not good and also when the keys cannot be fetched. Keys are fetched once per key id.
 */
export function createBearerVerifier(expected: { issuer: string; audience: string }): BearerVerifier {
  const keys = new Map<string, KeyObject>();

  async function keyOf(kid: string): Promise<KeyObject | undefined> {
    if (keys.has(kid)) return keys.get(kid);
    const found = (await (await fetch(`${expected.issuer}/.well-known/openid-configuration`)).json()) as {
      jwks_uri: string;
    };
    const set = (await (await fetch(found.jwks_uri)).json()) as { keys: (JsonWebKey & { kid: string })[] };
    for (const key of set.keys) keys.set(key.kid, createPublicKey({ key, format: "jwk" }));
    return keys.get(kid);
  }

  return {
    async check(authorization) {
      const match = /^Bearer (([\w-]+)\.([\w-]+))\.([\w-]+)$/.exec(authorization ?? "");
      if (match === null) return { ok: false, status: 401, reason: "no bearer token" };
      const [, signed = "", head = "", body = "", signature = ""] = match;
      try {
        const header = decoded(head);
        const claims = decoded(body);
        const key = await keyOf(String(header["kid"]));
        const good =
          key !== undefined &&
          header["alg"] === "RS256" &&
          verify("RSA-SHA256", Buffer.from(signed), key, Buffer.from(signature, "base64url"));
        if (!good) return { ok: false, status: 403, reason: "bad signature" };
        if (claims["iss"] !== expected.issuer) return { ok: false, status: 403, reason: "other issuer" };
        if (claims["aud"] !== expected.audience) return { ok: false, status: 403, reason: "other audience" };
        if (!(Number(claims["exp"]) * 1000 > Date.now()))
          return { ok: false, status: 403, reason: "expired" };
        return { ok: true, claims };
      } catch (error) {
        return { ok: false, status: 403, reason: String(error) };
      }
    },
  };
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
}
