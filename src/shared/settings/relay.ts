import type { Setting } from "../base/config/setting.ts";
import { PAGE_TOKEN } from "./page-token.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

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
    help: "port of the relay's own health, metrics and `/status` (default: 8767 if it is free, otherwise a free one)",
  },
  adminListen: {
    env: "RUNNER_RELAY_ADMIN_LISTEN",
    kind: { type: "text" },
    fallback: "127.0.0.1",
    help: "address of that port; beyond loopback its metrics ask for the page token, too",
  },
  pageToken: PAGE_TOKEN,
  connections: {
    env: "RUNNER_RELAY_CONNECTIONS",
    kind: { type: "integer", min: 1, max: 1024 },
    fallback: 32,
    help: "most connections to the coordinator at once; fewer are used while it has no room for more (429, 503, longer answers)",
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
    help: "how long the coordinator may take to begin an answer that is passed through; some take minutes, and a client that disconnects ends the request",
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
    help: "an event that keeps failing for this long while others succeed becomes a dead letter",
  },
  poisonPolicy: {
    env: "RUNNER_RELAY_POISON_POLICY",
    flag: "poison",
    kind: { type: "choice", of: ["skip", "park", "stop"] },
    fallback: "skip",
    help: "what to do when the coordinator refuses an event: skip (make it a dead letter and continue), park its session, or stop the relay",
  },
  batchPath: {
    env: "RUNNER_RELAY_BATCH_PATH",
    flag: "batch-path",
    kind: { type: "text" },
    help: "path of the coordinator's batch endpoint, where {session_id} is replaced; none by default",
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
    help: "requests that may pass through, such as `GET /sessions/**, POST /runs` (default: everything)",
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
    help: "send the events of an existing log to a different coordinator than before",
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
    help: "additional parameters of the token request, as a query string",
  },
  oidcInsecure: {
    env: "RUNNER_RELAY_OIDC_ALLOW_INSECURE_HTTP",
    kind: { type: "flag" },
    fallback: false,
    help: "allow an issuer with plain http (for tests on one machine)",
  },
} as const satisfies Record<string, Setting>;
