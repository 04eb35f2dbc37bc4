import type { Setting } from "../base/config/setting.ts";

/** How commands find the server of sessions. */
export const SESSIONS_CLIENT_SETTINGS = {
  sessionsUrl: {
    env: "RUNNER_RELAY_SESSIONS_URL",
    aliases: ["UA_GATEWAY_URL"],
    flag: "gateway-url",
    kind: { type: "url" },
    help: "URL of the sessions server for `run` and `sessions` (default: the one that `up` runs on this machine)",
  },
} as const satisfies Record<string, Setting>;
