import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keptKeySecret } from "../../../../src/gateway/writes/key-secret.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "rr-secret-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the secret of keys", () => {
  test("is the same after a restart and for every gateway of the folder, and only its user can read it", () => {
    const data = join(folder, "data");
    mkdirSync(data);
    const secret = keptKeySecret(data, silentLogger());
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(keptKeySecret(data, silentLogger())).toBe(secret);
    expect(readdirSync(data)).toEqual(["event-keys.secret"]);
    expect(statSync(join(data, "event-keys.secret")).mode & 0o777).toBe(0o600);
  });

  test("differs between folders", () => {
    const [a = "", b] = ["a", "b"].map((name) => {
      mkdirSync(join(folder, name));
      return keptKeySecret(join(folder, name), silentLogger());
    });
    expect(a).not.toBe(b);
    expect(keptKeySecret(join(folder, "a"), silentLogger())).toBe(a);
  });

  test.each([
    ["empty, as a crash leaves it", 0],
    ["cut", 20],
  ])("%s: a new one is made, and it is said", (_, length) => {
    const before = keptKeySecret(folder, silentLogger());
    truncateSync(join(folder, "event-keys.secret"), length);
    const lines: string[] = [];
    const secret = keptKeySecret(folder, pino({}, { write: (line: string) => void lines.push(line) }));
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(secret).not.toBe(before);
    expect(keptKeySecret(folder, silentLogger())).toBe(secret);
    expect(lines.join("")).toContain("damaged");
    expect(lines.join("")).not.toContain(secret);
  });

  test("where it cannot be kept the gateway starts all the same, and it is said", () => {
    writeFileSync(join(folder, "file"), "");
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const secret = keptKeySecret(join(folder, "file"), logger);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(keptKeySecret(join(folder, "file"), logger)).not.toBe(secret);
    expect(lines.join("")).toContain("cannot be saved");
    expect(lines.join("")).not.toContain(secret);
  });
});
