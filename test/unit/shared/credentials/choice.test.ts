import { describe, expect, test } from "vitest";
import { chooseCredentials, type CredentialChoice } from "../../../../src/shared/credentials/choice.ts";
import { ALL_SETTINGS, RELAY_SETTINGS } from "../../../../src/shared/settings/index.ts";
import { loadSettings } from "../../../../src/shared/base/config/load.ts";
import { CodedError } from "../../../../src/shared/base/errors.ts";

function choose(env: Record<string, string>): CredentialChoice {
  return chooseCredentials(loadSettings(RELAY_SETTINGS, { env, known: ALL_SETTINGS }).values);
}

function problems(env: Record<string, string>): string[] {
  try {
    choose(env);
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    const coded = error as CodedError;
    expect(coded.code).toBe("config_invalid");
    return coded.message.split("\n");
  }
  return [];
}

const OIDC = {
  RUNNER_RELAY_OIDC_ISSUER: "https://id.example/realms/a",
  RUNNER_RELAY_OIDC_CLIENT_ID: "relay",
  RUNNER_RELAY_OIDC_CLIENT_SECRET: "the-secret",
};

describe("which credentials the settings choose", () => {
  test("none without any", () => {
    expect(choose({})).toEqual({ kind: "none" });
  });

  test("a static key, by the name that existing installations use, in a header of choice", () => {
    expect(choose({ AGENT_ORCHESTRATOR_API_KEY: "k-123" })).toEqual({
      kind: "api_key",
      header: "authorization",
      key: "k-123",
    });
    expect(choose({ RUNNER_RELAY_API_KEY: "k-123", RUNNER_RELAY_API_KEY_HEADER: "X-Api-Key" })).toEqual({
      kind: "api_key",
      header: "x-api-key",
      key: "k-123",
    });
  });

  test("an issuer with audience, scope and further parameters", () => {
    const choice = choose({
      ...OIDC,
      RUNNER_RELAY_OIDC_AUDIENCE: "https://coordinator.example",
      RUNNER_RELAY_OIDC_SCOPE: "a b",
      RUNNER_RELAY_OIDC_PARAMETERS: "resource=urn:x&resource=urn:y&organization=o%26p",
      RUNNER_RELAY_OIDC_AUTH: "basic",
    });
    expect(choice).toMatchObject({ kind: "oidc", clientId: "relay", auth: "basic", insecure: false });
    if (choice.kind !== "oidc") return;
    expect(choice.issuer.href).toBe("https://id.example/realms/a");
    expect([...choice.parameters]).toEqual([
      ["audience", "https://coordinator.example"],
      ["scope", "a b"],
      ["resource", "urn:x"],
      ["resource", "urn:y"],
      ["organization", "o&p"],
    ]);
  });

  test("Auth0 by its four names, with the issuer's trailing slash", () => {
    const choice = choose({
      AUTH0_DOMAIN: "tenant.eu.auth0.com",
      AUTH0_RUNNER_CLIENT_ID: "relay",
      AUTH0_RUNNER_CLIENT_SECRET: "the-secret",
      AUTH0_AUDIENCE: "https://coordinator.example",
    });
    expect(choice).toMatchObject({ kind: "oidc", clientId: "relay", auth: "post" });
    if (choice.kind === "oidc") expect(choice.issuer.href).toBe("https://tenant.eu.auth0.com/");
  });
});

describe("misconfiguration is config_invalid with the variables' names", () => {
  test.each<{ title: string; env: Record<string, string>; says: RegExp[] }>([
    {
      title: "an issuer without client, all problems at once",
      env: { RUNNER_RELAY_OIDC_ISSUER: "http://id.example", RUNNER_RELAY_OIDC_PARAMETERS: "client_secret=x" },
      says: [
        /^RUNNER_RELAY_OIDC_CLIENT_ID \(AUTH0_RUNNER_CLIENT_ID\) is missing; RUNNER_RELAY_OIDC_ISSUER requires it/,
        /^RUNNER_RELAY_OIDC_CLIENT_SECRET .* is missing/,
        /^RUNNER_RELAY_OIDC_ISSUER must be https; .*RUNNER_RELAY_OIDC_ALLOW_INSECURE_HTTP/,
        /^RUNNER_RELAY_OIDC_PARAMETERS must not hold "client_secret"/,
      ],
    },
    {
      title: "a key and an issuer",
      env: { ...OIDC, RUNNER_RELAY_API_KEY: "k-123" },
      says: [/^RUNNER_RELAY_API_KEY .*RUNNER_RELAY_OIDC_ISSUER are both set/],
    },
    {
      title: "two issuers",
      env: { ...OIDC, AUTH0_DOMAIN: "tenant.auth0.com" },
      says: [/^RUNNER_RELAY_OIDC_ISSUER and AUTH0_DOMAIN are both set/],
    },
    {
      title: "client settings without an issuer",
      env: { AUTH0_RUNNER_CLIENT_SECRET: "the-secret", AUTH0_AUDIENCE: "a" },
      says: [/^RUNNER_RELAY_OIDC_CLIENT_SECRET .* is set, but neither/, /^RUNNER_RELAY_OIDC_AUDIENCE/],
    },
    {
      title: "a URL as Auth0 domain",
      env: {
        AUTH0_DOMAIN: "https://tenant.auth0.com/",
        AUTH0_RUNNER_CLIENT_ID: "c",
        AUTH0_RUNNER_CLIENT_SECRET: "the-secret",
      },
      says: [/^AUTH0_DOMAIN must be a host name/],
    },
    {
      title: "a parameter that has a setting of its own",
      env: { ...OIDC, RUNNER_RELAY_OIDC_SCOPE: "a", RUNNER_RELAY_OIDC_PARAMETERS: "scope=b" },
      says: [/^RUNNER_RELAY_OIDC_PARAMETERS must not hold "scope"/],
    },
    {
      title: "a key that no header can carry, and a header that is not the key's",
      env: { RUNNER_RELAY_API_KEY: "the-secret\nX: y", RUNNER_RELAY_API_KEY_HEADER: "Content-Length" },
      says: [/^RUNNER_RELAY_API_KEY_HEADER must name/, /^RUNNER_RELAY_API_KEY .*characters/],
    },
    {
      title: "a key with its scheme",
      env: { RUNNER_RELAY_API_KEY: "Bearer the-secret" },
      says: [/^RUNNER_RELAY_API_KEY .*without Bearer/],
    },
  ])("$title", ({ env, says }) => {
    const found = problems(env);
    expect(found).toHaveLength(says.length);
    for (const pattern of says) expect(found.filter((line) => pattern.test(line))).toHaveLength(1);
    expect(found.join("\n")).not.toContain("the-secret"); // CRED-1
  });
});
