import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { TestBroker } from "./broker.ts";
import { runCommand } from "./command.ts";
import type { Finished } from "./up.ts";
import { bareEnv } from "./bare-env.ts";
import { mainOf } from "./bundle/main-of.ts";

/** Environment of a command that talks to a test's broker as the operator. */
export function operatorEnv(broker: TestBroker): Record<string, string> {
  const { user = "", password = "" } = broker.access("operator");
  return { NATS_URL: broker.url, NATS_USER: user, NATS_PASSWORD: password };
}

/** Runs `runner-relay ARGS` as the operator, inside this process, to its end. */
export function operatorCli(broker: TestBroker): (...args: string[]) => Promise<Finished> {
  const env = operatorEnv(broker);
  return (...args) => runCommand(args, { env });
}

/** The same, to be interrupted: `ended` resolves when the process is gone. */
export function startOperator(
  broker: TestBroker,
  ...args: string[]
): { process: ChildProcess; ended: Promise<Finished> } {
  const { HOME = "" } = process.env;
  const env = { ...bareEnv(), HOME, ...operatorEnv(broker) };
  const child = spawn(process.execPath, [mainOf("cli"), ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ...output }));
  return { process: child, ended };
}
