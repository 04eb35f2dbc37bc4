import { DEFAULT_SHARDS, MOST_SHARDS } from "../log/schema/partition.ts";
import type { Setting } from "../base/config/setting.ts";

const MIB = 1024 * 1024;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

export const UP_SETTINGS = {
  logFormat: {
    env: "RUNNER_RELAY_LOG_FORMAT",
    flag: "log-format",
    kind: { type: "choice", of: ["auto", "text", "json"] },
    fallback: "auto",
    help: "form of the log: text for people, json for programs; auto is text on a terminal and json elsewhere",
  },
  noSessions: {
    env: "RUNNER_RELAY_NO_SESSIONS",
    flag: "no-sessions",
    kind: { type: "flag" },
    fallback: false,
    help: "start neither the sessions server nor the worker",
  },
  readyFile: {
    env: "RUNNER_RELAY_READY_FILE",
    flag: "ready-file",
    kind: { type: "path" },
    help: "file to write when everything is ready",
  },
  logBytes: {
    env: "RUNNER_RELAY_LOG_BYTES",
    kind: { type: "bytes", min: 1 * MIB, max: 1024 ** 5 },
    help: "size of the log (default: 45 % of the free disk, at most 10 GiB)",
  },
  sessionsBytes: {
    env: "RUNNER_RELAY_SESSIONS_BYTES",
    kind: { type: "bytes", min: 64 * MIB, max: 1024 ** 5 }, // one session at its limit
    help: "size of the log of sessions (default: 25 % of the free disk, at most 10 GiB; at another broker 5/9 of the log); one that is there only grows",
  },
  retention: {
    env: "RUNNER_RELAY_RETENTION",
    kind: { type: "duration", minMs: SECOND, maxMs: 3650 * DAY },
    fallback: 7 * DAY,
    help: "how long settled events are kept for receipts and replays",
  },
  duplicateWindow: {
    env: "RUNNER_RELAY_DUPLICATE_WINDOW",
    kind: { type: "duration", minMs: SECOND, maxMs: DAY },
    fallback: 60 * MINUTE,
    help: "how long a repeated Idempotency-Key is recognized after a gateway's death; about 155 B of broker memory per event",
  },
  replicas: {
    env: "RUNNER_RELAY_REPLICAS",
    kind: { type: "integer", min: 1, max: 5 },
    fallback: 1,
    help: "copies of the log, for a broker cluster",
  },
  shards: {
    env: "RUNNER_RELAY_SHARDS",
    kind: { type: "integer", min: 1, max: MOST_SHARDS },
    help: `partitions of a new log, which relays share (default: ${DEFAULT_SHARDS}); an existing log keeps its number`,
  },
  staging: {
    env: "RUNNER_RELAY_STAGING",
    flag: "staging",
    kind: { type: "choice", of: ["memory", "disk"] },
    fallback: "memory",
    help: "where the broker stages batches before it stores them; memory is faster and needs a tmpfs with 32 MiB free at /dev/shm",
  },
  natsServerBin: {
    env: "NATS_SERVER_BIN",
    kind: { type: "path" },
    help: "nats-server to start (default: the one on the PATH or in the cache; otherwise one is downloaded)",
  },
} as const satisfies Record<string, Setting>;
