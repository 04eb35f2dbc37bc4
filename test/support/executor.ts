import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { bareEnv } from "./bare-env.ts";
import { eventually } from "./eventually.ts";
import { mainOf } from "./bundle/main-of.ts";

// An executor as the runner of an Agent Orchestrator starts, feeds and stops it.

export type StartedExecutor = AsyncDisposable & {
  process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** What it said on stdout, line by line, as JSON. */
  lines(): unknown[];
  /** Resolves with the n-th `turn_complete`. */
  turn(n: number): Promise<{ type: string; result: string }>;
  send(instruction: object): void;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

export type ExecutorStart = {
  args: readonly string[];
  /** URL of the gateway. */
  url: string;
  cwd: string;
  env?: Record<string, string>;
  lifecycle?: "one_shot" | "persistent";
  /** Program and arguments in place of the command of the sources. */
  command?: readonly [string, ...string[]];
};

/** Starts an executor and writes the invocation: one-shot without a newline, and then closes stdin. A text or bytes are written as they are. */
export function startExecutor(
  {
    args,
    url,
    cwd,
    env = {},
    lifecycle = "one_shot",
    command = [process.execPath, mainOf("cli"), "executor"],
  }: ExecutorStart,
  invocation: object | string | Uint8Array,
): StartedExecutor {
  const [file, ...before] = command;
  const child = spawn(file, [...before, ...args], {
    cwd,
    env: { ...bareEnv(), HOME: cwd, AGENT_ORCHESTRATOR_API_URL: url, AGENT_SESSION_ID: "ses", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined);
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal })) as StartedExecutor["ended"];
  const isRaw = typeof invocation === "string" || invocation instanceof Uint8Array;
  child.stdin.write(isRaw ? invocation : JSON.stringify(invocation));
  if (lifecycle === "one_shot") child.stdin.end();
  else child.stdin.write("\n");
  const lines = (): unknown[] =>
    stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    lines,
    turn: (n) =>
      eventually(() => {
        const line = lines()[n - 1];
        if (line === undefined && child.exitCode !== null) throw new Error(`the executor ended: ${stderr}`);
        if (line === undefined) throw new Error("the turn has not ended yet");
        return line as { type: string; result: string };
      }),
    send: (instruction) => void child.stdin.write(`${JSON.stringify(instruction)}\n`),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The first line for a session. */
export function invocationOf(session: string, of: Record<string, unknown> = {}): Record<string, unknown> {
  const usual = { schema_version: "2.2", mode: "start", parameters: { prompt: "hi" } };
  return { ...usual, session_id: session, ...of };
}
