import type { Setting } from "../base/config/setting.ts";
import { PAGE_TOKEN } from "./page-token.ts";

export const CONSOLE_SETTINGS = {
  consolePort: {
    env: "RUNNER_RELAY_CONSOLE_PORT",
    flag: "console-port",
    kind: { type: "integer", min: 0, max: 65_535 },
    fallback: 0,
    help: "port of the status page, loopback only; 0 is a free one",
  },
  statusPage: {
    env: "RUNNER_RELAY_STATUS_PAGE",
    kind: { type: "choice", of: ["on", "read-only", "off"] },
    fallback: "on",
    help: "the console's web page; with `read-only` it has no buttons, and with `off` no console is started",
  },
  pageToken: PAGE_TOKEN,
} as const satisfies Record<string, Setting>;
