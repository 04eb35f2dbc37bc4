import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReadyInfo } from "../../src/cli/up/kept.ts";
import { eventually } from "./eventually.ts";
import { bareEnv } from "./bare-env.ts";
import { mainOf } from "./bundle/main-of.ts";

/** Environment of a person's shell: no settings of ours, unless a test adds them. */
function shell(extra: Record<string, string> = {}): Record<string, string> {
  const { HOME = "" } = process.env;
  return { ...bareEnv(), HOME, ...extra };
}

export type Finished = { code: number | null; stdout: string; stderr: string };

/** Runs `runner-relay ARGS` to its end. */
export async function runCli(
  args: string[],
  options: { env?: Record<string, string>; stdin?: Uint8Array } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [mainOf("cli"), ...args], { env: shell(options.env), stdio: "pipe" });
  const output = collect(child);
  child.stdin?.end(options.stdin);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}

/** `runner-relay up` as a process, in a data folder of its own. */
export type Up = {
  process: ChildProcess;
  output: { stdout: string; stderr: string };
  dataDir: string;
  readyFile: string;
  /** Rejects with its last lines if it has ended. */
  ready(): Promise<ReadyInfo>;
  /** Ends it as a service manager would; the exit code and how long it took. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; ms: number }>;
  /** Process ids of everything that has the data folder on its command line or in its environment. */
  processes(): number[];
};

/** A folder for one test's `up`, removed at the end. */
export async function dataFolder(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "rr-up-"));
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const pid of processesOf(path)) kill(pid);
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Parts of `up` that most tests do not look at: each costs 0.2 s of processor time. */
const LEFT_OUT = {
  sessions: { RUNNER_RELAY_NO_SESSIONS: "true" },
  console: { RUNNER_RELAY_STATUS_PAGE: "off" },
};
export type LeftOut = keyof typeof LEFT_OUT;
/** Lines of `up` that tell why it ended. */
const LAST_LINES = 20;

/** Starts gateway, broker, relay and, without `--coordinator`, the stand-in. The rest of what a person's `up` starts is in `also`. */
export function startUp(
  folder: string,
  options: {
    args?: string[];
    also?: readonly LeftOut[];
    env?: Record<string, string>;
    /** The command, if it is not the one of the sources. */
    command?: readonly [string, ...string[]];
  } = {},
): Up {
  const dataDir = join(folder, "data");
  const readyFile = join(folder, "ready.json");
  const [file, ...before] = options.command ?? [process.execPath, mainOf("cli")];
  const child = spawn(
    file,
    [...before, "up", "--data", dataDir, "--ready-file", readyFile, ...(options.args ?? [])],
    { env: shell({ ...without(options.also ?? []), ...options.env }), stdio: ["ignore", "pipe", "pipe"] },
  );
  const output = collect(child);
  const ended = once(child, "close") as Promise<[number | null]>;
  return {
    process: child,
    output,
    dataDir,
    readyFile,
    async ready() {
      const info = await eventually(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return undefined;
        const found = JSON.parse(await readFile(readyFile, "utf8")) as ReadyInfo;
        // the file is written first: what is printed after it may still be on its way
        if (!output.stdout.includes(found.gateway)) throw new Error("up has not printed its addresses yet");
        return found;
      });
      if (info !== undefined) return info;
      const [code] = await ended;
      throw new Error(`up ended with ${code ?? child.signalCode}: ${lastLines(output.stderr)}`);
    },
    async stop(signal = "SIGTERM") {
      const startedAt = performance.now();
      child.kill(signal);
      const [code] = await ended;
      return { code, ms: performance.now() - startedAt };
    },
    processes: () => processesOf(dataDir),
  };
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
}

/** Settings that leave out what is not in `also`. */
export function without(also: readonly LeftOut[]): Record<string, string> {
  const parts = (Object.keys(LEFT_OUT) as LeftOut[]).filter((it) => !also.includes(it));
  return Object.assign({}, ...parts.map((it) => LEFT_OUT[it])) as Record<string, string>;
}

/** Linux only, like the containers and machines that run these tests; elsewhere nothing is found and nothing is claimed. */
function processesOf(folder: string): number[] {
  const found: number[] = [];
  for (const name of procEntries()) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const text =
        readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
      if (text.includes(folder)) found.push(pid);
    } catch {
      // gone meanwhile, or not ours
    }
  }
  return found;
}

function procEntries(): string[] {
  try {
    return readdirSync("/proc");
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone
  }
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  return output;
}
