import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codedError } from "../../../../src/shared/base/errors.ts";
import { createLogger, fatalLine, SecretRegistry } from "../../../../src/shared/base/logger.ts";

describe("CRED-1: secrets in log lines", () => {
  const secret = fc.oneof(
    fc.string({ minLength: 4, maxLength: 40 }),
    fc.string({ unit: "binary", minLength: 4, maxLength: 20 }),
    fc.constantFrom('a"b\\c', "p w&x=1", "line\nend", "$&$1$$", "tök/en+=", "\ud800abc"),
  );

  test("are hidden as they are, inside JSON, inside JSON in JSON, inside a URL and inside a form", () => {
    fc.assert(
      fc.property(secret, (value) => {
        const registry = new SecretRegistry();
        registry.add(value);
        const body = JSON.stringify({ client_secret: value });
        for (const line of [
          value,
          JSON.stringify({ err: `refused: ${value}` }),
          JSON.stringify({ err: body }),
        ]) {
          const hidden = registry.hide(line);
          expect(hidden).toContain("[secret]");
          expect(hidden.replaceAll("[secret]", "")).not.toContain(value);
        }
        if (!value.isWellFormed()) return;
        const url = `https://c/?key=${encodeURIComponent(value)}`;
        expect(registry.hide(url)).toBe("https://c/?key=[secret]");
      }),
      { numRuns: 500 },
    );
  });

  test("a longer one is hidden whole, though a shorter one is its beginning, in whatever order they came", () => {
    for (const order of [
      ["abcd", "abcd-efgh"],
      ["abcd-efgh", "abcd"],
    ]) {
      const registry = new SecretRegistry();
      for (const value of order) registry.add(value);
      expect(registry.hide("token abcd-efgh, key abcd.")).toBe("token [secret], key [secret].");
    }
  });

  test("very short ones are not hidden, and forgotten ones no longer", () => {
    const registry = new SecretRegistry();
    registry.add("abc");
    registry.add("expired-token");
    registry.add("kept-token");
    registry.forget("expired-token");
    expect(registry.hide("abc expired-token kept-token")).toBe("abc expired-token [secret]");
  });

  test("a line as it is written holds none, in no field, message or error", () => {
    const lines: string[] = [];
    const password = 'pa"ss wörd';
    const secrets = new SecretRegistry();
    secrets.add(password);
    const log = createLogger({
      name: "t",
      level: "info",
      secrets,
      lines: { write: (line) => void lines.push(line) },
    });
    log.info({ note: password, deep: { list: [password] } }, `message ${password}`);
    log.error({ err: new Error(`POST ${JSON.stringify({ client_secret: password })}`) }, "failed");
    log.info({ headers: { authorization: "Bearer abc" }, options: { password: "abc" } }, "redacted");
    log.debug("not written");
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toContain("[secret]");
      expect(line).not.toMatch(/wörd|abc/);
      expect(JSON.parse(line)).toMatchObject({ name: "t", pid: process.pid });
    }
  });
});

test("the line that says why a process ends has what every other line has: level, time, name and pid", () => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  createLogger({ name: "relay", level: "info", lines: { write } }).info("an ordinary line");
  lines.push(fatalLine("relay", codedError("port_taken", "8767 is in use")));
  const [ordinary, last] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(Object.keys(last ?? {})).toEqual(expect.arrayContaining(Object.keys(ordinary ?? {})));
  expect(last).toMatchObject({ level: 60, name: "relay", code: "port_taken", msg: "8767 is in use" });
  expect(new Date(String(last?.["time"])).toISOString()).toBe(last?.["time"]);
});
