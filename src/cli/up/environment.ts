import type { BrokerAccess } from "../../shared/log/broker.ts";
import { ALL_SETTINGS } from "../../shared/settings/index.ts";
import { variableNames, type Environment } from "../../shared/base/config/load.ts";
import type { Setting } from "../../shared/base/config/setting.ts";
import { flagVariables, type Flags } from "../flags.ts";

type Table = Record<string, Setting>;

/** Variables that any program needs to find its folders and its language. */
const PLAIN = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "TZ",
  "TMPDIR",
  "XDG_STATE_HOME",
  "XDG_CACHE_HOME",
  "SystemRoot",
];
/** Variables that say which certificates Node trusts, also those of a broker or a collector of traces. */
export const TRUST: readonly string[] = [
  "NODE_EXTRA_CA_CERTS",
  "NODE_USE_SYSTEM_CA",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];
/** Variables for a program that calls the coordinator or an issuer. They may carry credentials, as those of proxies do. */
export const NETWORK: readonly string[] = [
  ...TRUST,
  "NODE_USE_ENV_PROXY",
  // Most systems set the lower case ones; Node reads both.
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

/**
 * Environment of one of our own processes: a few plain variables and the settings of its own tables, nothing else (CRED-1). As everywhere, flags of the
 * command line win over variables.
 */
export function childEnvironment(options: {
  env: Environment;
  flags: Flags;
  tables: readonly Table[];
  extra?: readonly string[];
  set: Record<string, string>;
}): Record<string, string> {
  const names = [...PLAIN, ...(options.extra ?? []), ...variableNames(options.tables)];
  const result: Record<string, string> = {};
  for (const name of names) {
    const value = options.env[name];
    if (value !== undefined) result[name] = value;
  }
  for (const table of options.tables) Object.assign(result, flagVariables(table, options.flags));
  return { ...result, ...options.set };
}

const TRUST_OPTION = /^--(?:no-)?use-(?:openssl|system|bundled)-ca$/;

/**
 * The options of Node, from `NODE_OPTIONS` and the command line, that say which certificates it trusts, as a variable for a child. Other options are not
 * passed on: a debugger or a module for one process is not meant for all of them.
 */
export function trustOptions(env: Environment, execArgv: readonly string[]): { NODE_OPTIONS?: string } {
  const given = [...(env["NODE_OPTIONS"] ?? "").split(/\s+/), ...execArgv];
  const options = given.filter((option) => TRUST_OPTION.test(option));
  return options.length === 0 ? {} : { NODE_OPTIONS: options.join(" ") };
}

/** OpenTelemetry's standard variables, for the processes that trace. Credentials for a collector may be among them. */
export function telemetryVariables(env: Environment): string[] {
  return Object.keys(env).filter((name) => name.startsWith("OTEL_"));
}

/** Those of them that carry a credential: headers for a collector, and the key of a client certificate. */
const TELEMETRY_SECRET = /^OTEL_EXPORTER_OTLP_(?:\w+_)?(?:HEADERS|CLIENT_KEY)$/;

/** Variables that say how a process reaches the broker. */
export function brokerVariables(access: BrokerAccess): Record<string, string> {
  const variables: Record<string, string | undefined> = {
    NATS_URL: access.servers.join(","),
    NATS_USER: access.user,
    NATS_PASSWORD: access.password,
    NATS_TOKEN: access.token,
    NATS_CREDS: access.credsFile,
    NATS_CA: access.caFile,
    NATS_CERT: access.certFile,
    NATS_KEY: access.keyFile,
    NATS_TLS_FIRST: access.tlsFirst === true ? "true" : undefined,
  };
  return Object.fromEntries(Object.entries(variables).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])));
}

/**
 * Environment of an executor or any other program that is not ours: the given one without our settings and credentials, without `NATS_*`, without the
 * credentials for our traces' collector, and without any `*_FILE`, because such variables hand over secrets (CRED-1).
 */
export function strippedEnvironment(env: Environment): Record<string, string> {
  const ours = new Set(variableNames(ALL_SETTINGS));
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const refused =
        value === undefined ||
        ours.has(name) ||
        name.startsWith("NATS_") ||
        name.startsWith("RUNNER_RELAY_") ||
        TELEMETRY_SECRET.test(name) ||
        (name.startsWith("OTEL_") && /:\/\/\S*@/.test(value)) ||
        name.endsWith("_FILE") ||
        name === "NODE_CHANNEL_FD";
      return refused ? [] : [[name, value]];
    }),
  );
}
