#!/usr/bin/env node
import { fstatSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { createInterface } from "node:readline/promises";
import { buffer } from "node:stream/consumers";
import { learnProgram } from "../shared/base/own-command.ts";
import { LOOPBACK_HOSTS, pastProxies } from "../shared/base/proxies.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { compileCacheFolder } from "./folders.ts";
import { COMMANDS } from "./commands.ts";
import type { Context } from "./context.ts";
import { isJournal } from "./journal.ts";
import { frame, screenOf } from "./render/screen.ts";
import { harmless } from "./render/text.ts";

// The one place that touches the process · commands.ts lists the commands · run.ts dispatches

const cache = compileCacheFolder(process.env);
if (cache !== undefined) enableCompileCache(cache);

let mayEnd = true;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") {
    process.stderr.write(`internal: stdout cannot be written: ${error.message}\n`);
    process.exitCode = 1;
  }
  if (mayEnd) process.exit(); // the reader of our output is gone, as with `| head`
});

const screen = screenOf(process.stdout);
let drawn = false;
let print = (text: string): void => void process.stdout.write(text);
let warn = (text: string): void => {
  // A command does its work even if it cannot report it.
  if (process.stderr.listenerCount("error") === 0) process.stderr.on("error", () => undefined);
  process.stderr.write(text);
};

learnProgram(process.env);

const context: Context = {
  env: process.env,
  screen,
  errors: { terminal: process.stderr.isTTY === true, screen: screenOf(process.stderr) },
  journal: isJournal(process.env["JOURNAL_STREAM"], fstatSync(1)),
  print: (text) => print(`${harmless(text)}\n`),
  write: (text) => print(harmless(text)),
  redraw(text) {
    process.stdout.write(frame(screen, harmless(text), !drawn));
    drawn = true;
  },
  mustFinish() {
    mayEnd = false;
  },
  serve(name) {
    mayEnd = false;
    const stderr = standardLines(2, name);
    print = standardLines(1, name).write;
    warn = stderr.write;
    return stderr;
  },
  warn: (text) => warn(`${harmless(text)}\n`),
  async ask(question) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await terminal.question(question);
    } catch (error) {
      if (!(error instanceof Error && error.name === "AbortError")) throw error;
      process.stderr.write("\n"); // Ctrl-C or Ctrl-D: no answer is a no
      return "";
    } finally {
      terminal.close();
    }
  },
  readStdin: () => buffer(process.stdin),
};

// Neither we nor the programs that we start reach our own processes on this machine through a proxy.
Object.assign(process.env, pastProxies(process.env, LOOPBACK_HOSTS));

const { runCommandLine } = await import("./run.ts");
const code = await runCommandLine(process.argv.slice(2), COMMANDS, context);
if (code !== 0) process.exitCode = code;
// If a broker accepts a connection and stays silent, its client gives up but leaves the socket open, which would keep this process alive.
if (process.exitCode) process.exit();
