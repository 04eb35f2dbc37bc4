import { hostname } from "node:os";
import type { Setting } from "./setting.ts";

const MIB = 1024 * 1024;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** How every process is told where the broker is, and who it is there. */
export const BROKER_SETTINGS = {
  natsUrl: {
    env: "NATS_URL",
    flag: "nats",
    kind: { type: "servers" },
    help: "URL of a nats-server of your own, several with commas; `up` starts one without it. May carry the login: nats://user:password@host, nats://token@host",
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
  natsCert: { env: "NATS_CERT", kind: { type: "path" }, help: "own certificate for the broker, PEM file" },
  natsKey: { env: "NATS_KEY", kind: { type: "path" }, help: "key of the own certificate, PEM file" },
  natsTlsFirst: {
    env: "NATS_TLS_FIRST",
    kind: { type: "flag" },
    fallback: false,
    help: "begin with TLS, before the broker says anything: for one with `handshake_first`",
  },
} as const satisfies Record<string, Setting>;

/** What every process takes. */
export const COMMON_SETTINGS = {
  logLevel: {
    env: "RUNNER_RELAY_LOG_LEVEL",
    flag: "log-level",
    kind: { type: "choice", of: ["trace", "debug", "info", "warn", "error", "fatal", "silent"] },
    fallback: "info",
    help: "least severe log line that is written",
  },
  data: {
    env: "RUNNER_RELAY_DATA",
    flag: "data",
    kind: { type: "path" },
    help: "data folder (default: runner-relay in $XDG_STATE_HOME or ~/.local/state)",
  },
  brokerConfig: {
    env: "RUNNER_RELAY_BROKER_CONFIG",
    kind: { type: "path" },
    help: "configuration file of the broker, read to know whether it syncs every write",
  },
  brokerMonitor: {
    env: "RUNNER_RELAY_BROKER_MONITOR",
    kind: { type: "url" },
    help: "monitoring URL of the broker (http://host:8222), asked whether it syncs every write",
  },
} as const satisfies Record<string, Setting>;

export const GATEWAY_SETTINGS = {
  port: {
    env: "RUNNER_RELAY_PORT",
    flag: "port",
    kind: { type: "integer", min: 0, max: 65_535 },
    help: "port of the gateway (default: a free one, chosen once and kept in the data folder)",
  },
  listen: {
    env: "RUNNER_RELAY_LISTEN",
    flag: "listen",
    kind: { type: "text" },
    fallback: "127.0.0.1",
    help: "address of the gateway; others than loopback need RUNNER_RELAY_INBOUND_TOKEN",
  },
  socket: {
    env: "RUNNER_RELAY_SOCKET",
    flag: "socket",
    kind: { type: "path" },
    help: "Unix socket of the gateway, beside its port, for this user alone (0600); it asks for no token",
  },
  inboundToken: {
    env: "RUNNER_RELAY_INBOUND_TOKEN",
    kind: { type: "text" },
    secret: true,
    help: "bearer token that executors must send to the port; needed to listen beyond loopback",
  },
  gateway: {
    env: "RUNNER_RELAY_GATEWAY",
    flag: "gateway-id",
    kind: { type: "text" },
    fallback: "gw1",
    help: "name of this gateway at the broker; the gateway's user there must be allowed to use it",
  },
  runner: {
    env: "RUNNER_RELAY_RUNNER",
    flag: "runner",
    kind: { type: "text" },
    help: "name of the runner in subjects; the gateway's user at the broker must be allowed to publish under it (default: hostname and profile, joined by a dot)",
  },
  hostname: {
    env: "RUNNER_RELAY_HOSTNAME",
    flag: "hostname",
    kind: { type: "text" },
    fallback: hostname(),
    help: "`hostname` of binds; must equal what the runner registered, or resuming breaks",
  },
  profile: {
    env: "RUNNER_RELAY_PROFILE",
    flag: "profile",
    kind: { type: "text" },
    fallback: "default",
    help: "`executor_profile` of binds; must equal what the runner registered",
  },
  answerWait: {
    env: "RUNNER_RELAY_ANSWER_WAIT",
    flag: "answer-wait",
    kind: { type: "duration", minMs: 0, maxMs: 30 * SECOND },
    fallback: 2 * SECOND,
    help: "how long an executor waits for the coordinator's own answer before it gets a 202; executors give up at 5 s",
  },
  maxBody: {
    env: "RUNNER_RELAY_MAX_BODY",
    kind: { type: "bytes", min: 1024, max: 4 * MIB },
    fallback: 4 * MIB,
    help: "largest body of a write; the broker's max_payload - 64 KiB if that is less",
  },
  sessionMaxEvents: {
    env: "RUNNER_RELAY_SESSION_MAX_EVENTS",
    kind: { type: "integer", min: 1, max: 100_000_000 },
    fallback: 50_000,
    help: "waiting events of one session before it gets 429, so that one runaway cannot fill the log",
  },
  sessionMaxBytes: {
    env: "RUNNER_RELAY_SESSION_MAX_BYTES",
    kind: { type: "bytes", min: 1024, max: 1024 ** 4 },
    fallback: 256 * MIB,
    help: "waiting bytes of one session before it gets 429",
  },
  requireDurable: {
    env: "RUNNER_RELAY_REQUIRE_DURABLE",
    flag: "require-durable",
    kind: { type: "flag" },
    fallback: false,
    help: "refuse to start unless it is known that the broker syncs every write",
  },
} as const satisfies Record<string, Setting>;

export const RELAY_SETTINGS = {
  coordinatorUrl: {
    env: "RUNNER_RELAY_COORDINATOR_URL",
    flag: "coordinator",
    kind: { type: "url" },
    help: "base URL of the Agent Coordinator",
  },
  relay: {
    env: "RUNNER_RELAY_RELAY",
    flag: "relay-id",
    kind: { type: "text" },
    help: "name of this relay instance (default: hostname and process id)",
  },
  adminPort: {
    env: "RUNNER_RELAY_ADMIN_PORT",
    flag: "admin-port",
    kind: { type: "integer", min: 0, max: 65_535 },
    fallback: 0,
    help: "port of the relay's own health and metrics, loopback only; 0 is a free one",
  },
  statusPage: {
    env: "RUNNER_RELAY_STATUS_PAGE",
    kind: { type: "choice", of: ["on", "read-only", "off"] },
    fallback: "on",
    help: "the relay's status page on its own port; read-only has no buttons",
  },
  pageToken: {
    env: "RUNNER_RELAY_PAGE_TOKEN",
    kind: { type: "text" },
    secret: true,
    help: "token that the relay's own port asks for, of 16 to 512 visible characters (default: one that is made and kept in the data folder)",
  },
  connections: {
    env: "RUNNER_RELAY_CONNECTIONS",
    kind: { type: "integer", min: 1, max: 1024 },
    fallback: 32,
    help: "most connections to the coordinator at once",
  },
  attemptTimeout: {
    env: "RUNNER_RELAY_ATTEMPT_TIMEOUT",
    kind: { type: "duration", minMs: 50, maxMs: 10 * MINUTE },
    fallback: 30 * SECOND,
    help: "how long one attempt may take",
  },
  passTimeout: {
    env: "RUNNER_RELAY_PASS_TIMEOUT",
    kind: { type: "duration", minMs: 50, maxMs: DAY },
    fallback: 10 * MINUTE,
    help: "how long the coordinator may take until the head of an answer that is passed through; some work for minutes, and a client that leaves ends it",
  },
  runnerTimeout: {
    env: "RUNNER_RELAY_RUNNER_TIMEOUT",
    kind: { type: "duration", minMs: 50, maxMs: DAY },
    fallback: 90 * SECOND,
    help: "the same for a runner's own calls, `/runner/…`; more than the 30 s for which a coordinator holds a poll",
  },
  exhaustAfter: {
    env: "RUNNER_RELAY_EXHAUST_AFTER",
    kind: { type: "duration", minMs: 100, maxMs: 30 * DAY },
    fallback: 15 * MINUTE,
    help: "an event that keeps failing this long while others succeed is exhausted",
  },
  poisonPolicy: {
    env: "RUNNER_RELAY_POISON_POLICY",
    flag: "poison",
    kind: { type: "choice", of: ["skip", "park", "stop"] },
    fallback: "skip",
    help: "what a poison event does: skip (dead-letter it, go on), park its session, stop the relay",
  },
  batchPath: {
    env: "RUNNER_RELAY_BATCH_PATH",
    flag: "batch-path",
    kind: { type: "text" },
    help: "path of the coordinator's batch endpoint, {session_id} is filled in; none by default",
  },
  batchMax: {
    env: "RUNNER_RELAY_BATCH_MAX",
    kind: { type: "integer", min: 2, max: 100 },
    fallback: 100,
    help: "most events in one batch",
  },
  allow: {
    env: "RUNNER_RELAY_ALLOW",
    kind: { type: "text" },
    help: "what may be passed through, such as `GET /sessions/**, POST /runs` (default: everything)",
  },
  runnerShield: {
    env: "RUNNER_RELAY_RUNNER_SHIELD",
    kind: { type: "flag" },
    fallback: true,
    help: "answer a runner's polls, heartbeats and removal in an outage, and register it again with a coordinator that forgot it",
  },
  retarget: {
    env: "RUNNER_RELAY_RETARGET",
    flag: "retarget",
    kind: { type: "flag" },
    fallback: false,
    help: "let a log with events go to another coordinator than before",
  },
  apiKey: {
    env: "RUNNER_RELAY_API_KEY",
    aliases: ["AGENT_ORCHESTRATOR_API_KEY"],
    kind: { type: "text" },
    secret: true,
    help: "static key for the coordinator",
  },
  apiKeyHeader: {
    env: "RUNNER_RELAY_API_KEY_HEADER",
    kind: { type: "text" },
    fallback: "Authorization",
    help: "header of the static key; for Authorization it is sent as a bearer token",
  },
  oidcIssuer: {
    env: "RUNNER_RELAY_OIDC_ISSUER",
    kind: { type: "url" },
    help: "OpenID issuer, found by discovery",
  },
  auth0Domain: { env: "AUTH0_DOMAIN", kind: { type: "host" }, help: "Auth0 tenant, instead of an issuer" },
  oidcClientId: {
    env: "RUNNER_RELAY_OIDC_CLIENT_ID",
    aliases: ["AUTH0_RUNNER_CLIENT_ID"],
    kind: { type: "text" },
    help: "client id for client credentials",
  },
  oidcClientSecret: {
    env: "RUNNER_RELAY_OIDC_CLIENT_SECRET",
    aliases: ["AUTH0_RUNNER_CLIENT_SECRET"],
    kind: { type: "text" },
    secret: true,
    help: "client secret",
  },
  oidcAudience: {
    env: "RUNNER_RELAY_OIDC_AUDIENCE",
    aliases: ["AUTH0_AUDIENCE"],
    kind: { type: "text" },
    help: "`audience` of the token",
  },
  oidcScope: { env: "RUNNER_RELAY_OIDC_SCOPE", kind: { type: "text" }, help: "`scope` of the token" },
  oidcAuth: {
    env: "RUNNER_RELAY_OIDC_AUTH",
    kind: { type: "choice", of: ["basic", "post"] },
    fallback: "post",
    help: "how the client secret is sent",
  },
  oidcParameters: {
    env: "RUNNER_RELAY_OIDC_PARAMETERS",
    kind: { type: "text" },
    secret: true,
    help: "further parameters of the token request, as a query string",
  },
  oidcInsecure: {
    env: "RUNNER_RELAY_OIDC_ALLOW_INSECURE_HTTP",
    kind: { type: "flag" },
    fallback: false,
    help: "let the issuer be plain http (tests on one machine)",
  },
} as const satisfies Record<string, Setting>;

export const COORDINATOR_SETTINGS = {
  coordinatorPort: {
    env: "RUNNER_RELAY_COORDINATOR_PORT",
    flag: "port",
    kind: { type: "integer", min: 0, max: 65_535 },
    fallback: 8765,
    help: "port of the stand-in coordinator; 0 is a free one",
  },
  coordinatorBatch: {
    env: "RUNNER_RELAY_COORDINATOR_BATCH",
    flag: "batch",
    kind: { type: "flag" },
    fallback: false,
    help: "offer a batch endpoint at /sessions/{session_id}/events:batch",
  },
  coordinatorToken: {
    env: "RUNNER_RELAY_COORDINATOR_TOKEN",
    kind: { type: "text" },
    secret: true,
    help: "bearer token that the stand-in demands; `up` makes one for its own and keeps it in the data folder",
  },
  coordinatorFaults: {
    env: "RUNNER_RELAY_COORDINATOR_FAULTS",
    flag: "faults",
    kind: { type: "flag" },
    fallback: false,
    help: "open POST /_faults, by which tests script it into failures",
  },
  coordinatorAutoCreate: {
    env: "RUNNER_RELAY_COORDINATOR_AUTO_CREATE",
    flag: "auto-create",
    kind: { type: "flag" },
    fallback: false,
    help: "create a session at the first write to it, where a real coordinator answers 404; `up` sets it for its own stand-in",
  },
  coordinatorGhostPolls: {
    env: "RUNNER_RELAY_COORDINATOR_GHOST_POLLS",
    flag: "ghost-polls",
    kind: { type: "flag" },
    fallback: false,
    help: "go on with a poll whose client left, as a real coordinator does: it may take the next run, which nobody gets",
  },
  coordinatorRecord: {
    env: "RUNNER_RELAY_COORDINATOR_RECORD",
    flag: "record",
    kind: { type: "flag" },
    fallback: false,
    help: "keep a ledger of every arrival and show it at GET /_ledger",
  },
  coordinatorLedger: {
    env: "RUNNER_RELAY_COORDINATOR_LEDGER",
    flag: "ledger",
    kind: { type: "path" },
    help: "file that the ledger is appended to, so that it survives a kill; implies --record",
  },
} as const satisfies Record<string, Setting>;

export const UP_SETTINGS = {
  readyFile: {
    env: "RUNNER_RELAY_READY_FILE",
    flag: "ready-file",
    kind: { type: "path" },
    help: "file that is written when all is ready",
  },
  logBytes: {
    env: "RUNNER_RELAY_LOG_BYTES",
    kind: { type: "bytes", min: 1 * MIB, max: 1024 ** 5 },
    help: "size of the log (default: 70 % of the free disk, at most 10 GiB)",
  },
  retention: {
    env: "RUNNER_RELAY_RETENTION",
    kind: { type: "duration", minMs: SECOND, maxMs: 3650 * DAY },
    fallback: 7 * DAY,
    help: "how long settled events stay for receipts and replays",
  },
  duplicateWindow: {
    env: "RUNNER_RELAY_DUPLICATE_WINDOW",
    kind: { type: "duration", minMs: SECOND, maxMs: DAY },
    fallback: 60 * MINUTE,
    help: "how long a repeated Idempotency-Key is recognised after a gateway's death; about 155 B of broker memory per event",
  },
  replicas: {
    env: "RUNNER_RELAY_REPLICAS",
    kind: { type: "integer", min: 1, max: 5 },
    fallback: 1,
    help: "copies of the log, for a broker cluster",
  },
  natsServerBin: {
    env: "NATS_SERVER_BIN",
    kind: { type: "path" },
    help: "nats-server to start (default: PATH, our cache, else it is fetched)",
  },
} as const satisfies Record<string, Setting>;
