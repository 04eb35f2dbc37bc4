import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALL_SETTINGS, BROKER_SETTINGS, brokerAccess } from "../../../../../src/shared/settings/index.ts";
import { knownSecrets, loadSettings } from "../../../../../src/shared/base/config/load.ts";
import { readServers } from "../../../../../src/shared/base/config/servers.ts";

const access = (env: Record<string, string>): ReturnType<typeof brokerAccess> =>
  brokerAccess(loadSettings(BROKER_SETTINGS, { env, known: ALL_SETTINGS }).values);

describe("a login in NATS_URL", () => {
  test.each([
    ["nats://127.0.0.1:4222", { servers: ["nats://127.0.0.1:4222"] }],
    ["127.0.0.1", { servers: ["127.0.0.1"] }],
    ["nats://a:1, tls://b:2,", { servers: ["nats://a:1", "tls://b:2"] }],
    ["nats://u:p@h:4222", { servers: ["nats://h:4222"], user: "u", password: "p" }],
    ["u:p@h:4222", { servers: ["h:4222"], user: "u", password: "p" }],
    ["nats://t0ken@h", { servers: ["nats://h"], token: "t0ken" }],
    ["nats://u:@h", { servers: ["nats://h"], user: "u", password: "" }],
    ["nats://@h", { servers: ["nats://h"] }],
    [
      "tls://u%40x:p%3A%2F%40%20@[::1]:4222",
      { servers: ["tls://[::1]:4222"], user: "u@x", password: "p:/@ " },
    ],
    ["nats://u:p@ss:w@h", { servers: ["nats://h"], user: "u", password: "p@ss:w" }],
    [
      "nats://u:p@a,nats://u:p@b,nats://c",
      { servers: ["nats://a", "nats://b", "nats://c"], user: "u", password: "p" },
    ],
  ])("%s", (text, read) => expect(readServers(text)).toEqual({ ok: true, ...read }));

  test.each([
    "nats://u:S3cret@a,nats://v:S3cret@b",
    "nats://S3cret@a,nats://u:S3cret@b",
    "nats://u:S3cret%zz@h",
    "nats://u:S3cret/x@h",
    "nats://u:S3cret#x@h",
    "nats://u:S3cret@",
    "nats://u:S3cret@h:port",
    "nats://u:S3cret@h?x=1",
    "nats://u:S3cret x@h",
    " , ",
  ])("%s is refused, and the refusal quotes no password", (text) => {
    expect(readServers(text).ok).toBe(false);
    try {
      access({ NATS_URL: text });
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toMatch(/NATS_URL must/);
      expect(String(error)).not.toContain("S3cret");
    }
  });

  test("any user and password come out as they were", () => {
    const word = fc.string({ minLength: 1 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(word, word, (user, password) => {
        const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
        expect(readServers(`nats://${login}@h:1`)).toEqual({
          ok: true,
          servers: ["nats://h:1"],
          user,
          password,
        });
      }),
    );
  });

  test("with another login in the settings it cannot be known which is meant", () => {
    const url = "nats://u:S3cret@h";
    for (const env of [
      { NATS_USER: "x" },
      { NATS_PASSWORD: "x" },
      { NATS_TOKEN: "x" },
      { NATS_CREDS: "/x" },
    ]) {
      expect(() => access({ NATS_URL: url, ...env })).toThrow(
        `NATS_URL carries a login, and ${Object.keys(env).join()} is set as well; choose one`,
      );
      expect(access({ NATS_URL: "nats://h", ...env }).servers).toEqual(["nats://h"]);
    }
    expect(access({ NATS_URL: url, NATS_CA: "/ca.pem" })).toEqual({
      servers: ["nats://h"],
      user: "u",
      password: "S3cret",
      caFile: "/ca.pem",
    });
  });

  test("CRED-1: the filter of the logs knows it, and those of proxies and collectors", () => {
    const env = {
      NATS_URL: "nats://u:one%20word@h",
      https_proxy: "http://p:two@proxy",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://three@collector",
      NATS_PASSWORD: "four",
      OTHER: "http://x:five@y",
    };
    const { values } = loadSettings(BROKER_SETTINGS, { env, known: ALL_SETTINGS });
    const secrets = knownSecrets(BROKER_SETTINGS, values, env);
    expect(secrets).toEqual(expect.arrayContaining(["one word", "one%20word", "two", "three", "four"]));
    expect(secrets.join()).not.toContain("five");
  });
});
