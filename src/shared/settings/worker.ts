import type { Setting } from "../base/config/setting.ts";

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
    help: "agent that runs the turns: `echo` repeats its input, to try everything out; `http` is a program behind RUNNER_RELAY_AGENT_HTTP_URL; `claude_subprocess` is Claude Code, `claude_api` the model with tools of our own; `auto` takes what this machine has",
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
} as const satisfies Record<string, Setting>;
