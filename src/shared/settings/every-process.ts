import type { Setting } from "../base/config/setting.ts";

/** What every process takes. */
export const COMMON_SETTINGS = {
  logLevel: {
    env: "RUNNER_RELAY_LOG_LEVEL",
    flag: "log-level",
    kind: { type: "choice", of: ["trace", "debug", "info", "warn", "error", "fatal", "silent"] },
    fallback: "info",
    help: "minimum log level",
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
    help: "configuration file of the broker, read to verify that it syncs every write",
  },
  brokerMonitor: {
    env: "RUNNER_RELAY_BROKER_MONITOR",
    kind: { type: "urls" },
    help: "monitoring URL of the broker (http://host:8222), queried to verify that it syncs every write; of each server, separated by commas, where several replicate",
  },
} as const satisfies Record<string, Setting>;
