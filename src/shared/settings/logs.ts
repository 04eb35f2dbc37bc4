import type { Setting } from "../base/config/setting.ts";

/** The setting with which one relay process serves several logs. Not a setting of `up`, which has one log. */
export const LOGS_SETTINGS = {
  logs: {
    env: "RUNNER_RELAY_LOGS",
    flag: "logs",
    kind: { type: "path" },
    help: "folder with a file `<name>.env` for each log that this process serves, with the login there (NATS_USER and NATS_PASSWORD, or others of the broker's settings), as `provision --leaf` writes it; looked at every 2 s. Without it the relay serves the one log at NATS_URL",
  },
} as const satisfies Record<string, Setting>;
