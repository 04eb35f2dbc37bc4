#!/usr/bin/env node
import { once } from "node:events";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { createInterface } from "node:readline/promises";
import { buffer } from "node:stream/consumers";
import { compileCacheFolder } from "./folders.ts";
import type { CommandFile, Context } from "./context.ts";
import { frame, screenOf } from "./render/screen.ts";
import { harmless } from "./render/text.ts";

// Dispatch only. Each command is a file of its own and loaded when it is called, so that none pays for the others.

enableCompileCache(compileCacheFolder(process.env, homedir()));

const COMMANDS: Record<string, { summary: string; load: () => Promise<CommandFile> }> = {
  up: { summary: "run everything on this machine", load: () => import("./up.ts") },
  exec: { summary: "run a command whose coordinator is the gateway", load: () => import("./exec.ts") },
  gateway: { summary: "run a gateway", load: () => import("./gateway.ts") },
  relay: { summary: "run a relay", load: () => import("./relay.ts") },
  coordinator: { summary: "run the stand-in coordinator", load: () => import("./coordinator.ts") },
  provision: { summary: "make or widen the log at a broker", load: () => import("./provision.ts") },
  prune: { summary: "remove what is settled and old", load: () => import("./prune.ts") },
  status: { summary: "show backlog, relays, coordinator and log", load: () => import("./status.ts") },
  tail: { summary: "show events as they come, or as they were", load: () => import("./tail.ts") },
  deliveries: { summary: "show what became of events", load: () => import("./deliveries.ts") },
  dead: { summary: "list, show, redrive and drop dead letters", load: () => import("./dead.ts") },
  replay: { summary: "send events of the log again", load: () => import("./replay.ts") },
  reconcile: {
    summary: "compare the log with the coordinator, send what is missing",
    load: () => import("./reconcile.ts"),
  },
  pause: { summary: "pause everything or one session", load: () => import("./pause.ts") },
  resume: { summary: "end a pause, or release a parked session", load: () => import("./resume.ts") },
  doctor: { summary: "look at everything and say what to do", load: () => import("./doctor.ts") },
  decode: {
    summary: "print one message of the log (for nats --translate)",
    load: () => import("./decode.ts"),
  },
  config: { summary: "print the settings in force, secrets redacted", load: () => import("./config.ts") },
};

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0); // whoever read has seen enough, as with `| head`
});

const screen = screenOf(process.stdout);
let drawn = false;

const context: Context = {
  env: process.env,
  screen,
  print: (text) => void process.stdout.write(`${harmless(text)}\n`),
  redraw(text) {
    process.stdout.write(frame(screen, harmless(text), !drawn));
    drawn = true;
  },
  warn: (text) => void process.stderr.write(`${harmless(text)}\n`),
  async ask(question) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const closed = once(terminal, "close").then(() => ""); // Ctrl-C or Ctrl-D: no answer is a no
      return await Promise.race([terminal.question(question), closed]);
    } finally {
      terminal.close();
    }
  },
  readStdin: () => buffer(process.stdin),
};

const { runCommandLine } = await import("./run.ts");
process.exitCode = await runCommandLine(process.argv.slice(2), COMMANDS, context);
