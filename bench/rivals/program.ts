import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { guarded, orphanGuard } from "../../src/embedded/orphan.ts";

const READY_MS = 30_000;
const LOOK_MS = 20;

/** A program that runs until it is disposed of, or we end. */
export type Program = {
  pid: number;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Starts a program. Resolves when its port answers, at once if it has none. It gets only these variables. */
export async function startProgram(
  command: readonly [string, ...string[]],
  { port, env }: { port?: number; env?: Record<string, string> } = {},
): Promise<Program> {
  const guard = orphanGuard(process.platform, process.env["PATH"]);
  const [file, ...args] = guarded(guard, command);
  const child = spawn(file, args, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = once(child, "exit");
  let over = false;
  void ended.then(() => (over = true));
  const program = {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  const name = command[0];
  for (const end = performance.now() + READY_MS; port !== undefined && !(await isOpen(port));) {
    if (over) throw new Error(`${name} ended before it was ready`);
    if (performance.now() < end) await delay(LOOK_MS);
    else {
      await program[Symbol.asyncDispose]();
      throw new Error(`${name} is not ready`);
    }
  }
  return program;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
