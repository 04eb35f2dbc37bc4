import { describe, expect, test } from "vitest";
import {
  brokerVariables,
  childEnvironment,
  NETWORK,
  strippedEnvironment,
  telemetryVariables,
  TRUST,
  trustOptions,
} from "../../../../src/cli/up/environment.ts";
import { COMMON_SETTINGS, GATEWAY_SETTINGS, RELAY_SETTINGS } from "../../../../src/shared/settings/index.ts";

/** An operator's shell with everything in it. */
const env = {
  PATH: "/bin",
  HOME: "/home/x",
  ANTHROPIC_API_KEY: "the executor's own",
  AGENT_ORCHESTRATOR_API_KEY: "key",
  RUNNER_RELAY_API_KEY_FILE: "/run/secrets/key",
  AUTH0_RUNNER_CLIENT_SECRET: "secret",
  AUTH0_DOMAIN: "tenant",
  RUNNER_RELAY_OIDC_CLIENT_SECRET: "secret",
  NATS_URL: "nats://u:p@h",
  NATS_PASSWORD: "p",
  NATS_SOMETHING: "p",
  SOME_TOKEN_FILE: "/run/secrets/other",
  HTTPS_PROXY: "http://user:pw@proxy",
  RUNNER_RELAY_PROFILE: "worker",
  RUNNER_RELAY_COORDINATOR_URL: "https://c.example",
  NODE_CHANNEL_FD: "3",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://user:pw@collector:4318",
  OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20t",
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-key=k",
  OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: "/run/key.pem",
};

describe("CRED-1: environments", () => {
  test("the gateway gets its own settings and its broker login only", () => {
    const broker = brokerVariables({ servers: ["nats://127.0.0.1:1"], user: "gateway-gw1", password: "pw" });
    const child = childEnvironment({
      env,
      flags: { port: "7000", coordinator: "https://other.example" },
      tables: [COMMON_SETTINGS, GATEWAY_SETTINGS],
      set: broker,
    });
    expect(child).toEqual({
      PATH: "/bin",
      HOME: "/home/x",
      RUNNER_RELAY_PROFILE: "worker",
      RUNNER_RELAY_PORT: "7000",
      NATS_URL: "nats://127.0.0.1:1",
      NATS_USER: "gateway-gw1",
      NATS_PASSWORD: "pw",
    });
  });

  test("the relay gets the coordinator's credentials; flags count more than variables", () => {
    const child = childEnvironment({
      env,
      flags: { coordinator: "https://other.example" },
      tables: [COMMON_SETTINGS, RELAY_SETTINGS],
      extra: NETWORK,
      set: {},
    });
    expect(child).toMatchObject({
      AGENT_ORCHESTRATOR_API_KEY: "key",
      RUNNER_RELAY_API_KEY_FILE: "/run/secrets/key",
      AUTH0_RUNNER_CLIENT_SECRET: "secret",
      HTTPS_PROXY: "http://user:pw@proxy",
      RUNNER_RELAY_COORDINATOR_URL: "https://other.example",
    });
    expect(child).not.toHaveProperty("ANTHROPIC_API_KEY");
    expect(child).not.toHaveProperty("NATS_URL");
    expect(child).not.toHaveProperty("SOME_TOKEN_FILE");
  });

  test("an executor keeps its own variables and gets none of ours, no NATS_* and no *_FILE", () => {
    expect(strippedEnvironment(env)).toEqual({
      PATH: "/bin",
      HOME: "/home/x",
      ANTHROPIC_API_KEY: "the executor's own",
      HTTPS_PROXY: "http://user:pw@proxy",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
    });
  });

  test("processes that trace get all that their collector needs, others do not", () => {
    expect(telemetryVariables(env)).toEqual([
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
      "OTEL_EXPORTER_OTLP_HEADERS",
      "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
      "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    ]);
  });
});

describe("what Node trusts", () => {
  test.each([
    [undefined, [], undefined],
    ["--use-openssl-ca", [], "--use-openssl-ca"],
    ["--require ./x.js  --use-system-ca --inspect", [], "--use-system-ca"],
    ["--max-old-space-size=9", ["--use-bundled-ca", "--inspect-brk"], "--use-bundled-ca"],
    ["--use-openssl-ca", ["--no-use-system-ca"], "--use-openssl-ca --no-use-system-ca"],
    ["--use-system-ca-and-more", ["--title=--use-system-ca"], undefined],
  ])("of NODE_OPTIONS %j and options %j", (options, execArgv, expected) => {
    const given = options === undefined ? {} : { NODE_OPTIONS: options };
    expect(trustOptions(given, execArgv).NODE_OPTIONS).toBe(expected);
  });

  test("the variables go to gateway and relay, proxies to the relay alone", () => {
    const all = Object.fromEntries([...NETWORK, "NODE_OPTIONS"].map((name) => [name, name]));
    const child = (extra: readonly string[]) =>
      Object.keys(childEnvironment({ env: all, flags: {}, tables: [], extra, set: {} }));
    expect(child(TRUST).toSorted()).toEqual([
      "NODE_EXTRA_CA_CERTS",
      "NODE_USE_SYSTEM_CA",
      "SSL_CERT_DIR",
      "SSL_CERT_FILE",
    ]);
    expect(child(NETWORK)).toEqual(
      expect.arrayContaining([...TRUST, "http_proxy", "HTTPS_PROXY", "no_proxy"]),
    );
  });
});
