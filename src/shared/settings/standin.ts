import type { Setting } from "../base/config/setting.ts";

export const COORDINATOR_SETTINGS = {
  coordinatorPort: {
    env: "RUNNER_RELAY_COORDINATOR_PORT",
    flag: "port",
    kind: { type: "integer", min: 0, max: 65_535 },
    fallback: 8765,
    help: "port of the stand-in coordinator; 0 picks a free one",
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
    help: "bearer token that the stand-in requires; `up` generates one for its own and keeps it in the data folder",
  },
  coordinatorFaults: {
    env: "RUNNER_RELAY_COORDINATOR_FAULTS",
    flag: "faults",
    kind: { type: "flag" },
    fallback: false,
    help: "enable POST /_faults, with which failures are scripted (docs/operations/stand-in.md)",
  },
  coordinatorAutoCreate: {
    env: "RUNNER_RELAY_COORDINATOR_AUTO_CREATE",
    flag: "auto-create",
    kind: { type: "flag" },
    fallback: false,
    help: "create a session on the first write to it, where a real coordinator answers 404; `up` sets this for its own stand-in",
  },
  coordinatorGhostPolls: {
    env: "RUNNER_RELAY_COORDINATOR_GHOST_POLLS",
    flag: "ghost-polls",
    kind: { type: "flag" },
    fallback: false,
    help: "continue a poll after its client disconnected, as a real coordinator does; it may claim the next run, which is then lost",
  },
  coordinatorRecord: {
    env: "RUNNER_RELAY_COORDINATOR_RECORD",
    flag: "record",
    kind: { type: "flag" },
    fallback: false,
    help: "record every request and show the record at GET /_ledger",
  },
  coordinatorLedger: {
    env: "RUNNER_RELAY_COORDINATOR_LEDGER",
    flag: "ledger",
    kind: { type: "path" },
    help: "file to which the record is appended, so that it survives a kill; implies --record",
  },
} as const satisfies Record<string, Setting>;
