import type { Setting } from "../base/config/setting.ts";

/** One token for the status page and for the relay's `/status`: both show sessions. */
export const PAGE_TOKEN = {
  env: "RUNNER_RELAY_PAGE_TOKEN",
  kind: { type: "text" },
  secret: true,
  help: "token that the console and the relay's `/status` require, 16 to 512 visible characters (default: generated and kept in the data folder)",
} as const satisfies Setting;
