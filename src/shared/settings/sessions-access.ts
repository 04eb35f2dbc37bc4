import type { Setting } from "../base/config/setting.ts";

/** Who may use `serve`, the server of sessions, and how much. */
export const SESSIONS_ACCESS_SETTINGS = {
  sessionsKeysFile: {
    env: "RUNNER_RELAY_SESSIONS_KEYS_FILE",
    kind: { type: "path" },
    help: 'keys of users, one JSON object per line: `{"sha256": hex, "user": name, "scopes": [read, write, user, admin, hooks]}`; read again when it changes',
  },
  sessionsJwtIssuer: {
    env: "RUNNER_RELAY_SESSIONS_JWT_ISSUER",
    kind: { type: "url" },
    help: "issuer of the JWTs that are accepted, with an OpenID configuration; `sub` is the user, and `scope` names the scopes",
  },
  sessionsJwtAudience: {
    env: "RUNNER_RELAY_SESSIONS_JWT_AUDIENCE",
    kind: { type: "text" },
    help: "`aud` that a JWT must have; needed with RUNNER_RELAY_SESSIONS_JWT_ISSUER",
  },
  sessionsOpen: {
    env: "RUNNER_RELAY_SESSIONS_OPEN",
    flag: "open",
    kind: { type: "flag" },
    fallback: false,
    help: "take requests without a key; on loopback only, and then every program of the machine can run agents",
  },
  sessionsHosts: {
    env: "RUNNER_RELAY_SESSIONS_HOSTS",
    kind: { type: "text" },
    help: "names by which clients reach the server (`Host`), separated by commas; loopback and the address that it listens on always count",
  },
  sessionsOrigins: {
    env: "RUNNER_RELAY_SESSIONS_ORIGINS",
    kind: { type: "text" },
    help: "origins of web pages that may call, as `https://app.example`, separated by commas; by default no page may",
  },
  sessionsTrustProxy: {
    env: "RUNNER_RELAY_SESSIONS_TRUST_PROXY",
    kind: { type: "text" },
    help: "addresses or networks of proxies whose `X-Forwarded-For` is believed, separated by commas",
  },
  sessionsTlsCert: {
    env: "RUNNER_RELAY_SESSIONS_TLS_CERT",
    kind: { type: "path" },
    help: "PEM file of the server's certificate with its chain; read again when it changes",
  },
  sessionsTlsKey: {
    env: "RUNNER_RELAY_SESSIONS_TLS_KEY",
    kind: { type: "path" },
    help: "PEM file of the certificate's private key",
  },
  sessionsBehindTls: {
    env: "RUNNER_RELAY_SESSIONS_BEHIND_TLS",
    flag: "behind-tls",
    kind: { type: "flag" },
    fallback: false,
    help: "a proxy in front of the server speaks TLS, so that it may listen beyond loopback without",
  },
  sessionsUserWatchers: {
    env: "RUNNER_RELAY_SESSIONS_USER_WATCHERS",
    kind: { type: "integer", min: 1, max: 1_000_000 },
    fallback: 1000,
    help: "streams and sockets of one user; each costs up to 80 KiB. This and the next three count per server, and not for keys with the scope `admin`",
  },
  sessionsUserTurns: {
    env: "RUNNER_RELAY_SESSIONS_USER_TURNS",
    kind: { type: "integer", min: 1, max: 100_000 },
    fallback: 64,
    help: "turns of one user that have not ended; each is a process of an agent, or waits for one",
  },
  sessionsUserSessions: {
    env: "RUNNER_RELAY_SESSIONS_USER_SESSIONS",
    kind: { type: "integer", min: 1, max: 1_000_000 },
    fallback: 1000,
    help: "sessions of one user",
  },
  sessionsUserWrites: {
    env: "RUNNER_RELAY_SESSIONS_USER_WRITES",
    kind: { type: "integer", min: 1, max: 1_000_000 },
    fallback: 1000,
    help: "writing requests and frames of one user in a second, so that one user leaves the log to others",
  },
} as const satisfies Record<string, Setting>;
