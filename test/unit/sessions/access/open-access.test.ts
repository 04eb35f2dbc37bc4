import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isRefusal } from "../../../../src/sessions/access/caller.ts";
import { openAccess, type Entrance } from "../../../../src/sessions/access/open-access.ts";
import { systemClock } from "../../../../src/shared/base/clock.ts";
import { loadSettings } from "../../../../src/shared/base/config/load.ts";
import { CodedError } from "../../../../src/shared/base/errors.ts";
import { SecretRegistry, silentLogger } from "../../../../src/shared/base/logger.ts";
import { keepSecret, SESSIONS_KEY_FILE } from "../../../../src/shared/http/door/secret-file.ts";
import {
  ALL_SETTINGS,
  SESSIONS_ACCESS_SETTINGS,
  SESSIONS_SETTINGS,
} from "../../../../src/shared/settings/index.ts";

const KEY = "0123456789abcdef-key";
const API_KEY = { RUNNER_RELAY_SESSIONS_API_KEY: KEY };
let dataDir: string;
const opened: Entrance[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "access-"));
});
afterEach(() => {
  for (const it of opened.splice(0)) it.close();
  rmSync(dataDir, { recursive: true });
});

function open(env: Record<string, string>): Entrance {
  const { values } = loadSettings(
    { ...SESSIONS_SETTINGS, ...SESSIONS_ACCESS_SETTINGS },
    { env, known: ALL_SETTINGS },
  );
  const log = silentLogger();
  const it = openAccess(values, { dataDir, clock: systemClock, log, secrets: new SecretRegistry(), fetch });
  opened.push(it);
  return it;
}

async function knows({ access }: Entrance, key: string): Promise<boolean> {
  return !isRefusal(await access.caller({ headers: { "x-api-key": key }, remoteAddress: undefined }));
}

test.each<[string, string, Record<string, string>]>([
  ["config_invalid", "serve needs a key", {}],
  ["config_invalid", "at least 16", { RUNNER_RELAY_SESSIONS_API_KEY: "short" }],
  ["config_invalid", "KEYS_FILE", { RUNNER_RELAY_SESSIONS_KEYS_FILE: "/nowhere/keys" }],
  ["config_invalid", "JWT_AUDIENCE", { RUNNER_RELAY_SESSIONS_JWT_ISSUER: "https://issuer.example" }],
  [
    "config_invalid",
    "must be an https URL",
    { RUNNER_RELAY_SESSIONS_JWT_ISSUER: "http://issuer.example", RUNNER_RELAY_SESSIONS_JWT_AUDIENCE: "a" },
  ],
  ["config_invalid", "need each other", { ...API_KEY, RUNNER_RELAY_SESSIONS_TLS_CERT: "/c" }],
  ["config_invalid", '"*" is no origin', { ...API_KEY, RUNNER_RELAY_SESSIONS_ORIGINS: "*" }],
  ["config_invalid", '"nginx" is no address', { ...API_KEY, RUNNER_RELAY_SESSIONS_TRUST_PROXY: "nginx" }],
  ["listen_refused", "keys need TLS", { ...API_KEY, RUNNER_RELAY_SESSIONS_LISTEN: "0.0.0.0" }],
  [
    "listen_refused",
    "--open listens on loopback only",
    {
      RUNNER_RELAY_SESSIONS_OPEN: "true",
      RUNNER_RELAY_SESSIONS_LISTEN: "0.0.0.0",
      RUNNER_RELAY_SESSIONS_BEHIND_TLS: "true",
    },
  ],
])("no start: %s, %s", (code, text, env) => {
  let thrown: unknown;
  try {
    open(env);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(CodedError);
  expect(thrown).toMatchObject({ code, message: expect.stringContaining(text) });
});

test("the key by setting and the one that up made are both valid", async () => {
  const made = keepSecret(dataDir, SESSIONS_KEY_FILE);
  expect(await knows(open({}), made)).toBe(true);
  const both = open(API_KEY);
  expect([await knows(both, KEY), await knows(both, made), await knows(both, "other")]).toEqual([
    true,
    true,
    false,
  ]);
});

test("a keys file alone is enough, and a key that is added counts", async () => {
  const file = join(dataDir, "keys");
  writeFileSync(file, "# nobody yet\n");
  const it = open({ RUNNER_RELAY_SESSIONS_KEYS_FILE: file });
  expect(await knows(it, "abc")).toBe(false);
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  writeFileSync(file, `${JSON.stringify({ sha256, user: "ann", scopes: ["read"] })}\n`);
  await expect.poll(() => knows(it, "abc")).toBe(true);
});

test("limits, origins and proxies are those of the settings", () => {
  const it = open({
    ...API_KEY,
    RUNNER_RELAY_SESSIONS_USER_TURNS: "3",
    RUNNER_RELAY_SESSIONS_ORIGINS: "https://app.example",
    RUNNER_RELAY_SESSIONS_TRUST_PROXY: "10.0.0.0/8",
  });
  expect(it.limits).toEqual({ watchers: 1000, turns: 3, sessions: 1000, writes: 1000 });
  expect([...it.origins]).toEqual(["https://app.example"]);
  expect(it.proxies).toEqual(["10.0.0.0/8"]);
  expect(it.guard({ host: "localhost", origin: "https://app.example" })).toBeUndefined();
});
