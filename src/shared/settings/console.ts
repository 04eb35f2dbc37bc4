import type { Setting } from "../base/config/setting.ts";
import { PAGE_TOKEN } from "./page-token.ts";

export const CONSOLE_SETTINGS = {
  consolePort: {
    env: "RUNNER_RELAY_CONSOLE_PORT",
    flag: "console-port",
    kind: { type: "integer", min: 0, max: 65_535 },
    help: "port of the console (default: 8768 if it is free, otherwise a free one)",
  },
  consoleListen: {
    env: "RUNNER_RELAY_CONSOLE_LISTEN",
    flag: "console-listen",
    kind: { type: "text" },
    fallback: "127.0.0.1",
    help: "address of the console; beyond loopback, put a proxy with TLS in front of it",
  },
  statusPage: {
    env: "RUNNER_RELAY_STATUS_PAGE",
    kind: { type: "choice", of: ["on", "read-only", "off"] },
    fallback: "on",
    help: "the console's web page; with `read-only` it has no buttons, and with `off` no console is started",
  },
  pageToken: PAGE_TOKEN,
} as const satisfies Record<string, Setting>;
