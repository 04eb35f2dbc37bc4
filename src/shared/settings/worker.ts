import type { Setting } from "../base/config/setting.ts";
import { TURN_CREDENTIALS_SETTINGS } from "./turn-credentials.ts";

export const WORKER_SETTINGS = {
  worker: {
    env: "RUNNER_RELAY_WORKER",
    flag: "worker-id",
    kind: { type: "text" },
    help: "name of this worker, shown as the owner of its sessions (default: hostname and process id)",
  },
  agent: {
    env: "RUNNER_RELAY_AGENT",
    aliases: ["TETHER_AGENT_ADAPTER", "TETHER_DEFAULT_AGENT_ADAPTER"],
    flag: "agent",
    kind: { type: "text" },
    fallback: "echo",
    help: "agent that runs the turns: `echo` repeats its input, to try everything out; `http` is a program behind RUNNER_RELAY_AGENT_HTTP_URL; `claude_subprocess` is Claude Code, `claude_api` the model with tools of our own; `codex`, `codex_sdk_sidecar` and `acp` are programs of others; `auto` takes what this machine has",
  },
  aliveFile: {
    env: "RUNNER_RELAY_ALIVE_FILE",
    kind: { type: "path" },
    help: "file that is there when the worker is ready, and written every 10 s while it lives: for supervisors, because it has no port. Also of `prune --sessions`",
  },
  agentHttpUrl: {
    env: "RUNNER_RELAY_AGENT_HTTP_URL",
    kind: { type: "url" },
    help: "URL of the agent `http`: each turn is a POST, its answer one JSON object per line",
  },
  claudeModel: {
    env: "TETHER_AGENT_CLAUDE_MODEL",
    kind: { type: "text" },
    help: "model of Claude, if a session's options name none (default: the program's own)",
  },
  agentVariables: {
    env: "RUNNER_RELAY_AGENT_VARIABLES",
    kind: { type: "text" },
    help: "names of variables of the worker that agents' programs get, separated by commas: OPENAI_API_KEY, CODEX_HOME. They get no others but those that every program needs",
  },
  codexCommand: {
    env: "RUNNER_RELAY_CODEX_COMMAND",
    kind: { type: "path" },
    fallback: "codex",
    help: "command of the agent `codex`",
  },
  codexModel: {
    env: "RUNNER_RELAY_CODEX_MODEL",
    kind: { type: "text" },
    help: "model of the agent `codex` (default: Codex's own)",
  },
  codexExec: {
    env: "RUNNER_RELAY_CODEX_EXEC",
    kind: { type: "flag" },
    fallback: false,
    help: "run `codex exec` instead of its app server, for versions without one. It can ask nobody: without approval it may only read",
  },
  codexSettings: {
    env: "RUNNER_RELAY_CODEX_SETTINGS",
    kind: { type: "text" },
    help: "settings of Codex as its `-c` takes them, separated by spaces: `model_provider=mine model_providers.mine.wire_api=responses`",
  },
  sidecarUrl: {
    env: "RUNNER_RELAY_CODEX_SIDECAR_URL",
    aliases: ["TETHER_CODEX_SIDECAR_URL"],
    kind: { type: "url" },
    fallback: "http://localhost:8788",
    help: "URL of the sidecar of the agent `codex_sdk_sidecar`",
  },
  sidecarToken: {
    env: "RUNNER_RELAY_CODEX_SIDECAR_TOKEN",
    aliases: ["TETHER_CODEX_SIDECAR_TOKEN"],
    kind: { type: "text" },
    secret: true,
    help: "token that the sidecar asks for",
  },
  acpCommand: {
    env: "RUNNER_RELAY_ACP_COMMAND",
    kind: { type: "text" },
    help: "command of the agent `acp` with its arguments, separated by spaces: any program that speaks the Agent Client Protocol",
  },
  ...TURN_CREDENTIALS_SETTINGS,
  turnMaxTime: {
    env: "RUNNER_RELAY_TURN_MAX_TIME",
    kind: { type: "duration", minMs: 1000, maxMs: 30 * 24 * 60 * 60 * 1000 },
    fallback: 6 * 60 * 60 * 1000,
    help: "longest turn, questions to its user included; then it is ended as failed, so that an agent that hangs does not hold its session",
  },
  agentMemory: {
    env: "RUNNER_RELAY_AGENT_MEMORY",
    kind: { type: "bytes", min: 64 * 1024 * 1024, max: 1024 ** 5 },
    help: "most memory of an agent's program with all that it starts (default: half of the machine's, or of the container's); what takes more is killed, before the system kills something else. Linux only",
  },
} as const satisfies Record<string, Setting>;
