import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createSecret, type Secret } from "../../../../src/shared/credentials/secret.ts";
import { SecretRegistry } from "../../../../src/shared/base/logger.ts";

const folder = mkdtempSync(join(tmpdir(), "rr-secret-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function secretAt(file: string, value: string): { secret: Secret; secrets: SecretRegistry } {
  const secrets = new SecretRegistry();
  return { secret: createSecret({ value, file, secrets }), secrets };
}

test("a file that is written anew, renamed over or swapped by a symlink is seen, and known as a secret", async () => {
  mkdirSync(join(folder, "v1"), { recursive: true });
  mkdirSync(join(folder, "v2"));
  writeFileSync(join(folder, "v1", "token"), "value-1\n");
  writeFileSync(join(folder, "v2", "token"), "value-2\n");
  symlinkSync("v1", join(folder, "data"));
  const file = join(folder, "data", "token");
  const { secret, secrets } = secretAt(file, "value-1");
  expect(await secret.read()).toEqual({ value: "value-1" });

  // as Kubernetes does it: a new link, renamed over the old one
  symlinkSync("v2", join(folder, "new"));
  renameSync(join(folder, "new"), join(folder, "data"));
  expect(await secret.read()).toEqual({ value: "value-2" });

  writeFileSync(file, "value-3");
  expect(await secret.read()).toEqual({ value: "value-3" });
  writeFileSync(`${file}.tmp`, "value-4\r\n");
  renameSync(`${file}.tmp`, file);
  expect(await secret.read()).toEqual({ value: "value-4" });
  expect(secrets.hide("value-1 value-2 value-3 value-4")).toBe("[secret] [secret] [secret] [secret]");
});

test("a file that is missing or empty changes nothing, and it is said why", async () => {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "secret");
  const { secret } = secretAt(file, "value-1");
  expect(await secret.read()).toEqual({
    value: "value-1",
    problem: `the secret file ${file} cannot be read (ENOENT)`,
  });
  writeFileSync(file, "\n");
  expect(await secret.read()).toEqual({ value: "value-1", problem: `the secret file ${file} is empty` });
});

test("a secret from the environment never changes", async () => {
  const secret = createSecret({ value: "value-1", file: undefined, secrets: new SecretRegistry() });
  expect(secret.rotates).toBe(false);
  expect(await secret.read()).toEqual({ value: "value-1" });
});
