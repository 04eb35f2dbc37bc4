import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ALL_SETTINGS,
  BROKER_SETTINGS,
  RELAY_SETTINGS,
  brokerAccess,
} from "../../../../../src/shared/settings/index.ts";
import {
  loadSettings,
  redacted,
  variableNames,
  type Loaded,
} from "../../../../../src/shared/base/config/load.ts";
import { readSetting, showSetting, type Setting } from "../../../../../src/shared/base/config/setting.ts";
import { CodedError } from "../../../../../src/shared/base/errors.ts";

const TABLE = {
  port: {
    env: "RUNNER_RELAY_PORT",
    flag: "port",
    kind: { type: "integer", min: 1, max: 65_535 },
    fallback: 8080,
    help: "",
  },
  wait: { env: "RUNNER_RELAY_WAIT", kind: { type: "duration", minMs: 0, maxMs: 60_000 }, help: "" },
  key: {
    env: "RUNNER_RELAY_KEY",
    aliases: ["OLD_KEY", "OLDER_KEY"],
    kind: { type: "text" },
    secret: true,
    help: "",
  },
  verbose: {
    env: "RUNNER_RELAY_VERBOSE",
    flag: "verbose",
    kind: { type: "flag" },
    fallback: false,
    help: "",
  },
} as const satisfies Record<string, Setting>;

function load(
  env: Record<string, string>,
  flags?: Record<string, string | boolean | undefined>,
): Loaded<typeof TABLE> {
  return loadSettings(TABLE, { env, known: [TABLE], ...(flags === undefined ? {} : { flags }) });
}

function problems(env: Record<string, string>, flags?: Record<string, string>): string[] {
  try {
    load(env, flags);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    expect((error as CodedError).code).toBe("config_invalid");
    return (error as CodedError).message.split("\n");
  }
}

describe("a table", () => {
  test("flag before environment before fallback; an empty variable is none", () => {
    expect(load({}).values).toEqual({ port: 8080, wait: undefined, key: undefined, verbose: false });
    expect(load({ RUNNER_RELAY_PORT: "1", RUNNER_RELAY_WAIT: "" }).values).toMatchObject({
      port: 1,
      wait: undefined,
    });
    expect(load({ RUNNER_RELAY_PORT: "1" }, { port: "2", verbose: true }).values).toMatchObject({
      port: 2,
      verbose: true,
    });
    expect(load({ RUNNER_RELAY_PORT: "1" }, { port: undefined }).values.port).toBe(1);
  });

  test("names that existing installations use count, the own name first", () => {
    expect(load({ OLDER_KEY: "c", OLD_KEY: "b" }).values.key).toBe("b");
    expect(load({ OLDER_KEY: "c", RUNNER_RELAY_KEY: "a" }).values.key).toBe("a");
  });

  test("all problems are listed at once, with the name that was used", () => {
    const found = problems(
      { RUNNER_RELAY_PORT: "0", RUNNER_RELAY_WAIT: "long", RUNNER_RELAY_KEYS: "x" },
      { verbose: "maybe" },
    );
    expect(found).toEqual([
      "RUNNER_RELAY_KEYS is unknown, did you mean RUNNER_RELAY_KEY?",
      'RUNNER_RELAY_PORT must be between 1 and 65535, not "0"',
      'RUNNER_RELAY_WAIT must be a duration such as 500ms, 2s or 15m, not "long"',
      '--verbose must be true or false, not "maybe"',
    ]);
  });

  test("an unknown name gets a suggestion only when one is near; foreign variables are ignored", () => {
    expect(problems({ RUNNER_RELAY_SOMETHING_ELSE: "1" })).toEqual([
      "RUNNER_RELAY_SOMETHING_ELSE is unknown",
    ]);
    expect(problems({ OTHER_PORT: "x", PATH: "" })).toEqual([]);
  });

  test("a variable that is meant for another process of the product is known", () => {
    expect(() =>
      loadSettings(TABLE, { env: { RUNNER_RELAY_RETENTION: "1d" }, known: [TABLE, ...ALL_SETTINGS] }),
    ).not.toThrow();
  });
});

describe("CRED-1: secrets", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "rr-config-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  test("are read from a file, without its line end, and the file's name is kept so that it can be read again", () => {
    const path = file("key", " s3cret \n");
    expect(load({ RUNNER_RELAY_KEY_FILE: path })).toMatchObject({
      values: { key: " s3cret " },
      secretFiles: { key: path },
    });
    expect(load({ OLD_KEY_FILE: file("crlf", "a\r\n") }).values.key).toBe("a");
    expect(load({ RUNNER_RELAY_KEY_FILE: path, RUNNER_RELAY_KEY: "direct" })).toMatchObject({
      values: { key: "direct" },
      secretFiles: {},
    });
  });

  test("a file that is empty or not there is a problem with a name", () => {
    expect(problems({ RUNNER_RELAY_KEY_FILE: file("empty", "\n") })).toEqual([
      "RUNNER_RELAY_KEY_FILE must not be empty",
    ]);
    expect(problems({ RUNNER_RELAY_KEY_FILE: join(folder, "none") })[0]).toMatch(
      /^RUNNER_RELAY_KEY_FILE cannot be read: ENOENT/,
    );
  });

  test("only secrets have a file", () => {
    expect(problems({ RUNNER_RELAY_PORT_FILE: "/x" })[0]).toMatch(/^RUNNER_RELAY_PORT_FILE is unknown/);
  });

  test("a wrong one is not quoted", () => {
    const table = {
      pin: { env: "RUNNER_RELAY_PIN", kind: { type: "integer", min: 0, max: 9 }, secret: true, help: "" },
    } as const;
    expect(() => loadSettings(table, { env: { RUNNER_RELAY_PIN: "123456" }, known: [table] })).toThrow(
      /^RUNNER_RELAY_PIN must be between 0 and 9$/,
    );
  });

  test("durations and sizes are shown as they can be set", () => {
    const duration = { type: "duration", minMs: 0, maxMs: Number.MAX_SAFE_INTEGER } as const;
    const bytes = { type: "bytes", min: 0, max: Number.MAX_SAFE_INTEGER } as const;
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.constantFrom(1, 1000, 1024, 60_000, 1024 ** 3), (n, unit) => {
        const value = n - (n % unit);
        for (const kind of [duration, bytes])
          expect(readSetting(kind, showSetting(kind, value))).toEqual({ ok: true, value });
      }),
    );
    expect([0, 500, 2000, 900_000, 604_800_000].map((ms) => showSetting(duration, ms))).toEqual([
      "0ms",
      "500ms",
      "2s",
      "15m",
      "7d",
    ]);
    expect([1000, 65_536, 4 * 1024 ** 2].map((n) => showSetting(bytes, n))).toEqual([
      "1000",
      "64KiB",
      "4MiB",
    ]);
  });

  test("are shown as set or unset, and users of URLs not at all", () => {
    const { values } = load({ RUNNER_RELAY_KEY: "s3cret" });
    expect(redacted(TABLE, values)).toEqual({ port: 8080, wait: "unset", key: "set", verbose: false });
    expect(redacted(TABLE, load({}).values)["key"]).toBe("unset");
    const broker = loadSettings(BROKER_SETTINGS, {
      env: { NATS_URL: "nats://u:p@a:1,tls://u:p@b" },
      known: [],
    });
    expect(redacted(BROKER_SETTINGS, broker.values)["natsUrl"]).toBe("nats://[secret]@a:1,tls://[secret]@b");
  });

  test("nothing of a summary holds a secret, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), (secret) => {
        const env = Object.fromEntries(
          Object.values({ ...RELAY_SETTINGS, ...BROKER_SETTINGS } as Record<string, Setting>)
            .filter((setting) => setting.secret)
            .map((setting) => [setting.env, secret]),
        );
        const table = { ...RELAY_SETTINGS, ...BROKER_SETTINGS };
        const { values } = loadSettings(table, { env, known: ALL_SETTINGS });
        expect(JSON.stringify(redacted(table, values))).not.toContain(JSON.stringify(secret));
      }),
    );
  });
});

describe("all tables of the product", () => {
  const all = ALL_SETTINGS.flatMap((table) => Object.values(table));

  test("no variable has two meanings", () => {
    const settings = [...new Set(all)]; // one that two processes have is in both tables, and the same
    const names = variableNames([Object.fromEntries(settings.entries())]);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  test("every fallback is a value that its own kind accepts, every setting says what it does", () => {
    for (const { env, kind, fallback, help } of all) {
      expect(help.length, env).toBeGreaterThan(5);
      if (fallback === undefined) continue;
      const text = kind.type === "duration" ? `${String(fallback)}ms` : String(fallback);
      expect(readSetting(kind, text), env).toEqual({ ok: true, value: fallback });
    }
  });

  test("whatever sounds like a secret is one", () => {
    const sounding = all.filter(({ env }) => /PASSWORD|TOKEN(?!S)|SECRET|API_KEY$/.test(env));
    expect(sounding.length).toBeGreaterThan(3);
    for (const { env, secret } of sounding) expect(secret, env).toBe(true);
  });
});

test("how to reach the broker is read from its settings", () => {
  const read = (env: Record<string, string>): unknown =>
    brokerAccess(loadSettings(BROKER_SETTINGS, { env, known: ALL_SETTINGS }).values);
  expect(read({})).toEqual({ servers: ["nats://127.0.0.1:4222"] });
  expect(
    read({ NATS_URL: "nats://a:1, tls://b:2", NATS_USER: "u", NATS_PASSWORD: "p", NATS_CA: "/ca" }),
  ).toEqual({
    servers: ["nats://a:1", "tls://b:2"],
    user: "u",
    password: "p",
    caFile: "/ca",
  });
});
