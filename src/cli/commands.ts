import type { CommandFile } from "./context.ts";

/** Every command, in the order of the help. Each is a file of its own that is loaded only when it is called, so that no command pays for the others. */
export type Commands = Record<string, Entry>;
/** `group` is the heading in the list of commands. `example` is shown in the command's help, and a test checks that its options exist. */
type Entry = { group: string; summary: string; example: string; load: () => Promise<CommandFile> };

export const COMMANDS: Commands = {
  up: {
    group: "Run",
    summary: "run everything on this machine",
    example: "runner-relay up --coordinator https://coordinator.example",
    load: () => import("./up.ts"),
  },
  exec: {
    group: "Run",
    summary: "run a command with the gateway as its coordinator",
    example: 'runner-relay exec -- claude -p "fix the tests"',
    load: () => import("./exec.ts"),
  },
  run: {
    group: "Run",
    summary: "run a turn of an agent in a session",
    example: 'runner-relay run --session ses_1 "List the files"',
    load: () => import("./run-turn.ts"),
  },
  gateway: {
    group: "Run",
    summary: "run a gateway",
    example: "runner-relay gateway --nats nats://127.0.0.1:4222 --port 8766",
    load: () => import("./gateway.ts"),
  },
  relay: {
    group: "Run",
    summary: "run a relay",
    example: "runner-relay relay --nats nats://127.0.0.1:4222 --coordinator https://coordinator.example",
    load: () => import("./relay.ts"),
  },
  console: {
    group: "Run",
    summary: "run the console, a web page for operators",
    example: "NATS_USER=console runner-relay console --nats nats://127.0.0.1:4222 --console-port 8768",
    load: () => import("./console.ts"),
  },
  serve: {
    group: "Run",
    summary: "run a server of sessions",
    example: "runner-relay serve --sessions-port 8002",
    load: () => import("./serve.ts"),
  },
  tokens: {
    group: "Run",
    summary: "run the token service, for pods and programs outside",
    example: "runner-relay tokens --data ~/rr --tokens-port 8769",
    load: () => import("./tokens.ts"),
  },
  worker: {
    group: "Run",
    summary: "run a worker, which runs the turns of sessions",
    example: "runner-relay worker --agent http --workspace-root /srv/workspaces",
    load: () => import("./worker.ts"),
  },
  mcp: {
    group: "Run",
    summary: "offer agents tools that start and watch runs",
    example: "runner-relay mcp --mcp-port 9500",
    load: () => import("./mcp.ts"),
  },
  executor: {
    group: "Run",
    summary: "run an agent for the runner of an Agent Orchestrator",
    example: "runner-relay executor claude-code < invocation.json",
    load: () => import("./executor.ts"),
  },
  coordinator: {
    group: "Run",
    summary: "run the stand-in coordinator",
    example: "runner-relay coordinator",
    load: () => import("./coordinator.ts"),
  },
  provision: {
    group: "Set up and maintain",
    summary: "create the log at a broker, or enlarge it",
    example: "NATS_USER=admin runner-relay provision --nats nats://127.0.0.1:4222",
    load: () => import("./provision.ts"),
  },
  hooks: {
    group: "Set up and maintain",
    summary: "have Claude Code or Codex report their sessions",
    example: "runner-relay hooks install --agent claude-code",
    load: () => import("./hooks.ts"),
  },
  config: {
    group: "Set up and maintain",
    summary: "print the effective settings, with secrets redacted",
    example: "runner-relay config --json",
    load: () => import("./config.ts"),
  },
  prune: {
    group: "Set up and maintain",
    summary: "delete settled events older than the retention",
    example: "runner-relay prune --dry-run",
    load: () => import("./prune.ts"),
  },
  status: {
    group: "See",
    summary: "show backlog, relays, coordinator and log",
    example: "runner-relay status --watch 5",
    load: () => import("./status.ts"),
  },
  page: {
    group: "See",
    summary: "print the address of the console, with its token",
    example: "runner-relay page",
    load: () => import("./page.ts"),
  },
  tail: {
    group: "See",
    summary: "follow or list events",
    example: "runner-relay tail --session ses_1 --since 1h --verdict dead --no-follow",
    load: () => import("./tail.ts"),
  },
  sessions: {
    group: "See",
    summary: "list, show, watch and delete sessions of agents",
    example: "runner-relay sessions watch ses_1 --after latest",
    load: () => import("./sessions.ts"),
  },
  deliveries: {
    group: "See",
    summary: "show the delivery state of events",
    example: "runner-relay deliveries --session ses_1",
    load: () => import("./deliveries.ts"),
  },
  doctor: {
    group: "See",
    summary: "check everything and suggest fixes",
    example: "runner-relay doctor --json",
    load: () => import("./doctor.ts"),
  },
  dead: {
    group: "Act",
    summary: "list, show, redrive and drop dead letters",
    example: "runner-relay dead redrive --session ses_1 --dry-run",
    load: () => import("./dead.ts"),
  },
  replay: {
    group: "Act",
    summary: "send events from the log again",
    example: "runner-relay replay --session ses_1 --since 2h --dry-run",
    load: () => import("./replay.ts"),
  },
  reconcile: {
    group: "Act",
    summary: "compare the log with the coordinator and send what is missing",
    example: "runner-relay reconcile --all --since 2h",
    load: () => import("./reconcile.ts"),
  },
  pause: {
    group: "Act",
    summary: "pause everything or one session",
    example: "runner-relay pause --session ses_1 --text 'too chatty'",
    load: () => import("./pause.ts"),
  },
  resume: {
    group: "Act",
    summary: "end a pause, release a parked session, or try a session now",
    example: "runner-relay resume --session ses_1",
    load: () => import("./resume.ts"),
  },
  decode: {
    group: "Tools",
    summary: "decode a log message (for nats --translate)",
    example: "nats stream get RR_EVENTS 1 --translate 'runner-relay decode'",
    load: () => import("./decode.ts"),
  },
  completion: {
    group: "Tools",
    summary: "print a shell completion script",
    example: "source <(runner-relay completion bash)",
    load: () => import("./completion.ts"),
  },
};
