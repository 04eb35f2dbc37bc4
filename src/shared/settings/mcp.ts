import type { Setting } from "../base/config/setting.ts";

/** The settings of `mcp`, the server of tools for agents. */
export const MCP_SETTINGS = {
  mcpPort: {
    env: "RUNNER_RELAY_MCP_PORT",
    flag: "mcp-port",
    kind: { type: "integer", min: 0, max: 65_535 },
    help: "port on 127.0.0.1 for streamable HTTP at `/mcp` (default: none, the tools are served on stdin and stdout)",
  },
  mcpToken: {
    env: "RUNNER_RELAY_MCP_TOKEN",
    kind: { type: "text" },
    secret: true,
    help: "bearer token of that port, 16 to 512 visible characters (default: the one in `mcp-token` of the data folder, made at the first start)",
  },
  mcpGateway: {
    env: "RUNNER_RELAY_MCP_GATEWAY",
    aliases: ["AGENT_ORCHESTRATOR_API_URL"],
    flag: "gateway-url",
    kind: { type: "url" },
    help: "URL of the gateway, by which the tools reach the coordinator (default: the one that `up` runs on this machine)",
  },
  mcpTimeout: {
    env: "RUNNER_RELAY_MCP_TIMEOUT",
    flag: "tool-timeout",
    kind: { type: "duration", minMs: 1000, maxMs: 24 * 3_600_000 },
    fallback: 600_000,
    help: "how long a `sync` call waits for its run, through outages; the run goes on afterwards",
  },
  mcpSession: {
    env: "RUNNER_RELAY_MCP_SESSION",
    aliases: ["AGENT_SESSION_ID"],
    flag: "agent-session-id",
    kind: { type: "text" },
    help: "without HTTP: what the header `X-Agent-Session-Id` says, the session that becomes the parent of what is started",
  },
  mcpTags: {
    env: "RUNNER_RELAY_MCP_TAGS",
    flag: "agent-tags",
    kind: { type: "text" },
    help: "without HTTP: what the header `X-Agent-Tags` says, tags that listed agents must have, separated by commas",
  },
  mcpDemands: {
    env: "RUNNER_RELAY_MCP_DEMANDS",
    flag: "additional-demands",
    kind: { type: "text" },
    help: "without HTTP: what the header `X-Additional-Demands` says, a JSON object of what a runner must be like",
  },
} as const satisfies Record<string, Setting>;
