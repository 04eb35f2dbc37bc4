import type { Setting } from "../base/config/setting.ts";
import { BROKER_SETTINGS } from "./broker.ts";
import { CONSOLE_SETTINGS } from "./console.ts";
import { COMMON_SETTINGS } from "./every-process.ts";
import { GATEWAY_SETTINGS } from "./gateway.ts";
import { LOGS_SETTINGS } from "./logs.ts";
import { MCP_SETTINGS } from "./mcp.ts";
import { RELAY_SETTINGS } from "./relay.ts";
import { SESSION_LIMITS } from "./session-limits.ts";
import { SESSIONS_ACCESS_SETTINGS } from "./sessions-access.ts";
import { SESSIONS_CLIENT_SETTINGS } from "./sessions-client.ts";
import { SESSIONS_SETTINGS } from "./sessions.ts";
import { COORDINATOR_SETTINGS } from "./standin.ts";
import { TOKENS_SETTINGS } from "./tokens.ts";
import { UP_SETTINGS } from "./up.ts";
import { WORKER_SETTINGS } from "./worker.ts";
import { WORKSPACE_SETTINGS } from "./workspace.ts";

// One table for each process · access.ts makes of them how to reach the broker. What a setting is, and how it is read, stands in ../base/config.

export { brokerAccess } from "./access.ts";
export { SESSIONS_PORT, USUAL_PORT } from "./usual-ports.ts";
export {
  BROKER_SETTINGS,
  COMMON_SETTINGS,
  GATEWAY_SETTINGS,
  RELAY_SETTINGS,
  LOGS_SETTINGS,
  CONSOLE_SETTINGS,
  SESSIONS_SETTINGS,
  SESSIONS_ACCESS_SETTINGS,
  SESSIONS_CLIENT_SETTINGS,
  COORDINATOR_SETTINGS,
  WORKSPACE_SETTINGS,
  WORKER_SETTINGS,
  SESSION_LIMITS,
  TOKENS_SETTINGS,
  UP_SETTINGS,
  MCP_SETTINGS,
};

/** Every table of the product. */
export const ALL_SETTINGS: readonly Record<string, Setting>[] = [
  COMMON_SETTINGS,
  BROKER_SETTINGS,
  GATEWAY_SETTINGS,
  RELAY_SETTINGS,
  LOGS_SETTINGS,
  CONSOLE_SETTINGS,
  SESSIONS_SETTINGS,
  SESSIONS_ACCESS_SETTINGS,
  SESSIONS_CLIENT_SETTINGS,
  COORDINATOR_SETTINGS,
  WORKSPACE_SETTINGS,
  WORKER_SETTINGS,
  SESSION_LIMITS,
  TOKENS_SETTINGS,
  UP_SETTINGS,
  MCP_SETTINGS,
];
