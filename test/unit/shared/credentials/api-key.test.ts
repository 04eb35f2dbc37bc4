import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createCredentials, type Credentials } from "../../../../src/shared/credentials/index.ts";
import { ALL_SETTINGS, RELAY_SETTINGS } from "../../../../src/shared/settings/index.ts";
import { loadSettings } from "../../../../src/shared/base/config/load.ts";
import { SecretRegistry, silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";
import { eventually } from "../../../support/eventually.ts";

const folder = mkdtempSync(join(tmpdir(), "rr-api-key-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function create(env: Record<string, string>): {
  credentials: Credentials;
  clock: FakeClock;
  secrets: SecretRegistry;
} {
  const clock = createFakeClock();
  const secrets = new SecretRegistry();
  const settings = loadSettings(RELAY_SETTINGS, { env, known: ALL_SETTINGS });
  const credentials = createCredentials(settings, {
    clock,
    random: Math.random,
    log: silentLogger(),
    secrets,
  });
  return { credentials, clock, secrets };
}

test("no settings, no credential: requests go out without one", async () => {
  const { credentials } = create({});
  expect(credentials.current()).toEqual({ kind: "ready", headers: {}, generation: 0 });
  expect(await credentials.headers()).toEqual(credentials.current());
  expect(credentials.describe()).toEqual({ kind: "none" });
});

test("a static key is a bearer token in Authorization, bare in another header, and known as a secret", async () => {
  const bearer = create({ RUNNER_RELAY_API_KEY: "key-one" });
  expect(await bearer.credentials.headers()).toMatchObject({ headers: { authorization: "Bearer key-one" } });
  expect(bearer.secrets.hide("key-one")).toBe("[secret]"); // CRED-1
  const bare = create({ RUNNER_RELAY_API_KEY: "key-one", RUNNER_RELAY_API_KEY_HEADER: "X-Api-Key" });
  expect(bare.credentials.current()).toMatchObject({ headers: { "x-api-key": "key-one" } });
  bare.credentials.refused(1); // nothing newer to be had
  expect(await bare.credentials.headers()).toMatchObject({ generation: 1 });
  bare.credentials.close();
  expect(await bare.credentials.headers()).toMatchObject({ kind: "unavailable" });
});

test("a key rotated in its file is used within 5 s, and after a refusal at once", async () => {
  const file = join(folder, "key");
  writeFileSync(file, "key-one\n");
  const { credentials, clock, secrets } = create({ RUNNER_RELAY_API_KEY_FILE: file });
  expect(credentials.current()).toMatchObject({
    headers: { authorization: "Bearer key-one" },
    generation: 1,
  });

  writeFileSync(file, "key-two\n");
  await clock.pass(5000);
  await eventually(() => {
    expect(credentials.current()).toMatchObject({
      headers: { authorization: "Bearer key-two" },
      generation: 2,
    });
  });

  writeFileSync(file, "key-three");
  for (let i = 0; i < 10; i++) credentials.refused(2);
  expect(await credentials.headers()).toMatchObject({
    headers: { authorization: "Bearer key-three" },
    generation: 3,
  });
  expect(secrets.hide("key-one key-two key-three")).toBe("[secret] [secret] [secret]");

  writeFileSync(file, "no\nheader");
  credentials.refused(3);
  expect(await credentials.headers()).toMatchObject({ generation: 3 });
  expect(credentials.describe().lastError).toMatch(/^credentials_invalid: .*not allowed in a header/);
  credentials.close();
  expect(clock.pending()).toBe(0);
});
