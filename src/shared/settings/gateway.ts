import { hostname } from "node:os";
import type { Setting } from "../base/config/setting.ts";

const MIB = 1024 * 1024;
const SECOND = 1000;

export const GATEWAY_SETTINGS = {
  port: {
    env: "RUNNER_RELAY_PORT",
    flag: "port",
    kind: { type: "integer", min: 0, max: 65_535 },
    help: "port of the gateway (default: 8766 if it is free at the first start, otherwise a free one; kept in the data folder)",
  },
  listen: {
    env: "RUNNER_RELAY_LISTEN",
    flag: "listen",
    kind: { type: "text" },
    fallback: "127.0.0.1",
    help: "address that the gateway listens on; beyond loopback it needs RUNNER_RELAY_INBOUND_TOKEN",
  },
  socket: {
    env: "RUNNER_RELAY_SOCKET",
    flag: "socket",
    kind: { type: "path" },
    help: "Unix socket of the gateway, beside its port, for this user only (0600); requires no token",
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
    help: "pending events of one session before it gets 429, so that a runaway session cannot fill the log",
  },
  sessionMaxBytes: {
    env: "RUNNER_RELAY_SESSION_MAX_BYTES",
    kind: { type: "bytes", min: 1024, max: 1024 ** 4 },
    fallback: 256 * MIB,
    help: "pending bytes of one session before it gets 429",
  },
  requireDurable: {
    env: "RUNNER_RELAY_REQUIRE_DURABLE",
    flag: "require-durable",
    kind: { type: "flag" },
    fallback: false,
    help: "refuse to start unless it is verified that the broker syncs every write",
  },
} as const satisfies Record<string, Setting>;
