import type { Setting } from "../base/config/setting.ts";

/** The settings that say where the broker is, and as which user a process connects. */
export const BROKER_SETTINGS = {
  natsUrl: {
    env: "NATS_URL",
    flag: "nats",
    kind: { type: "servers" },
    help: "URL of your own nats-server, or several separated by commas; without it, `up` starts one. May carry the login: nats://user:password@host, nats://token@host",
  },
  natsUser: { env: "NATS_USER", kind: { type: "text" }, help: "user at the broker" },
  natsPassword: {
    env: "NATS_PASSWORD",
    kind: { type: "text" },
    secret: true,
    help: "password at the broker",
  },
  natsToken: {
    env: "NATS_TOKEN",
    kind: { type: "text" },
    secret: true,
    help: "token at the broker, instead of user and password",
  },
  natsCreds: { env: "NATS_CREDS", kind: { type: "path" }, help: "credentials file (.creds) for the broker" },
  natsCa: { env: "NATS_CA", kind: { type: "path" }, help: "certificate authority of the broker, PEM file" },
  natsCert: { env: "NATS_CERT", kind: { type: "path" }, help: "client certificate for the broker, PEM file" },
  natsKey: { env: "NATS_KEY", kind: { type: "path" }, help: "key of the client certificate, PEM file" },
  natsTlsFirst: {
    env: "NATS_TLS_FIRST",
    kind: { type: "flag" },
    fallback: false,
    help: "start TLS before the broker sends anything, for a broker with `handshake_first`",
  },
} as const satisfies Record<string, Setting>;
