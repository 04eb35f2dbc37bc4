import type { CommandFile } from "./context.ts";

/** Every command, in the order of the help; each is a file of its own and loaded when it is called, so that none pays for the others. */
export type Commands = Record<string, Entry>;
/** `group` is its heading in the list of all; `example` stands in the command's help, and a test sees that its options exist. */
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
    summary: "run a command whose coordinator is the gateway",
    example: 'runner-relay exec -- claude -p "fix the tests"',
    load: () => import("./exec.ts"),
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
    summary: "run the status page",
    example: "NATS_USER=console runner-relay console --nats nats://127.0.0.1:4222 --console-port 8768",
    load: () => import("./console.ts"),
  },
  coordinator: {
    group: "Run",
    summary: "run the stand-in coordinator",
    example: "runner-relay coordinator",
    load: () => import("./coordinator.ts"),
  },
  provision: {
    group: "Set up and keep",
    summary: "make or widen the log at a broker",
    example: "NATS_USER=admin runner-relay provision --nats nats://127.0.0.1:4222",
    load: () => import("./provision.ts"),
  },
  config: {
    group: "Set up and keep",
    summary: "print the settings in force, secrets redacted",
    example: "runner-relay config --json",
    load: () => import("./config.ts"),
  },
  prune: {
    group: "Set up and keep",
    summary: "remove what is settled and old",
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
    summary: "print the address of the status page, with its token",
    example: "runner-relay page",
    load: () => import("./page.ts"),
  },
  tail: {
    group: "See",
    summary: "show events as they come, or as they were",
    example: "runner-relay tail --session ses_1 --since 1h --verdict dead --no-follow",
    load: () => import("./tail.ts"),
  },
  deliveries: {
    group: "See",
    summary: "show what became of events",
    example: "runner-relay deliveries --session ses_1",
    load: () => import("./deliveries.ts"),
  },
  doctor: {
    group: "See",
    summary: "look at everything and say what to do",
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
    summary: "send events of the log again",
    example: "runner-relay replay --session ses_1 --since 2h --dry-run",
    load: () => import("./replay.ts"),
  },
  reconcile: {
    group: "Act",
    summary: "compare the log with the coordinator, send what is missing",
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
    summary: "end a pause, or release a parked session",
    example: "runner-relay resume --session ses_1",
    load: () => import("./resume.ts"),
  },
  decode: {
    group: "Tools",
    summary: "print one message of the log (for nats --translate)",
    example: "nats stream get RR_EVENTS 1 --translate 'runner-relay decode'",
    load: () => import("./decode.ts"),
  },
  completion: {
    group: "Tools",
    summary: "print a script that completes command lines",
    example: "source <(runner-relay completion bash)",
    load: () => import("./completion.ts"),
  },
};
