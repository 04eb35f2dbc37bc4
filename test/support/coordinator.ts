import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { FaultRule } from "../../src/standin/faults.ts";
import type { LedgerEntry, LedgerSummary } from "../../src/standin/ledger.ts";
import { createCoordinator, type CoordinatorOptions } from "../../src/standin/server.ts";
import type { State } from "../../src/standin/state.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import { bareEnv } from "./bare-env.ts";
import { mainOf } from "./bundle/main-of.ts";

export type { FaultAction, FaultRule } from "../../src/standin/faults.ts";
export type { LedgerEntry } from "../../src/standin/ledger.ts";

/** The stand-in coordinator inside the test's process, whole requests kept in its ledger. */
export type TestCoordinator = {
  /** Base URL, the same after {@link start}. */
  url: string;
  /** Arrivals in their order; `GET /health` and other reads included. */
  ledger(): readonly LedgerEntry[];
  /** Arrivals of writes (everything but GET), of one session if it is named. */
  writes(session?: string): LedgerEntry[];
  summary(): LedgerSummary;
  faults: {
    set(rules: readonly FaultRule[]): void;
    clear(): void;
    list(): (FaultRule & { strikes: number })[];
  };
  state: State;
  /** A session that exists, `pending`, with its active run. */
  createSession(id?: string): { sessionId: string; runId: string };
  /** Closes the port and breaks all connections, as an outage; what the coordinator knows stays. */
  stop(): Promise<void>;
  /** Same port again. `forgetRunners`: as after a restart of the coordinator, whose registry is in memory. */
  start(options?: { forgetRunners?: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * `await using coordinator = await startCoordinator()`. Faults are on, the ledger keeps bodies and headers, and polls outlive
 * their clients as at the real one.
 */
export async function startCoordinator(options: Partial<CoordinatorOptions> = {}): Promise<TestCoordinator> {
  const coordinator = createCoordinator({
    clock: systemClock,
    log: silentLogger(),
    faults: true,
    record: "requests",
    ghostPolls: true,
    ...options,
  });
  const url = await coordinator.listen(0);
  const port = Number(new URL(url).port);
  const { state, faults, ledger } = coordinator;
  return {
    url,
    state,
    faults,
    ledger: () => ledger.entries,
    writes: (session) =>
      ledger.entries.filter(
        (entry) => entry.method !== "GET" && (session === undefined || entry.session === session),
      ),
    summary: () => ledger.summary(),
    createSession(id = `ses_${state.newId()}`) {
      state.sessions.create({ id, status: "pending" });
      const run = state.runs.create({ type: "start_session", session_id: id });
      return { sessionId: id, runId: run.run_id };
    },
    stop: () => coordinator.close(),
    async start({ forgetRunners = false } = {}) {
      if (forgetRunners) state.restart();
      await coordinator.listen(port);
    },
    async [Symbol.asyncDispose]() {
      state.polls.endAll();
      await coordinator.close();
      ledger.close();
    },
  };
}

/** The stand-in as a process of its own, for campaigns that kill it. */
export type CoordinatorProcess = {
  url: string;
  pid(): number;
  /** From the file, so it can be read while the process is down. */
  ledger(): Promise<LedgerEntry[]>;
  /** The file: NDJSON that grows. */
  ledgerFile: string;
  setFaults(rules: readonly FaultRule[]): Promise<void>;
  /** Returns when the process is gone. */
  kill9(): Promise<void>;
  stop(): Promise<void>;
  /** Same port and ledger, nothing else remembered. */
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * Starts `src/standin/main.ts` with a ledger file, faults and automatic sessions (it forgets them when it is killed).
 * `env` is added to an environment that has nothing but `PATH`; `args` are further flags, such as `--batch`.
 */
export async function spawnCoordinator(
  options: { args?: readonly string[]; env?: Record<string, string> } = {},
): Promise<CoordinatorProcess> {
  const dir = await mkdtemp(join(tmpdir(), "rr-coordinator-"));
  const file = join(dir, "ledger.ndjson");
  const args = [
    "--faults",
    "--auto-create",
    "--ledger",
    file,
    "--log-level",
    "warn",
    ...(options.args ?? []),
  ];

  async function launch(port: number): Promise<{ child: ChildProcess; url: string }> {
    const child = spawn(process.execPath, [mainOf("standin"), "--port", String(port), ...args], {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      env: { ...bareEnv(), ...options.env },
    });
    if (child.stdout === null) throw new Error("the coordinator has no stdout");
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([
      once(lines, "line"),
      once(child, "exit").then(([code]) => Promise.reject(new Error(`the coordinator ended with ${code}`))),
    ])) as [string];
    const { url } = JSON.parse(line) as { url: string };
    return { child, url };
  }

  let { child, url } = await launch(0);

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  return {
    url,
    pid: () => child.pid ?? 0,
    async ledger() {
      const text = await readFile(file, "utf8");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .flatMap(entryOf);
    },
    ledgerFile: file,
    async setFaults(rules) {
      const answer = await fetch(`${url}/_faults`, { method: "POST", body: JSON.stringify({ rules }) });
      if (!answer.ok) throw new Error(await answer.text());
    },
    kill9: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    async start() {
      ({ child, url } = await launch(Number(new URL(url).port)));
    },
    async [Symbol.asyncDispose]() {
      await end("SIGTERM");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A line of the file. A kill -9 can cut one; what the next process appended stands behind the rest of it. The cut call got no answer and comes again. */
export function entryOf(line: string): LedgerEntry[] {
  for (const text of [line, line.slice(line.lastIndexOf('{"n":'))]) {
    try {
      return [JSON.parse(text) as LedgerEntry];
    } catch {
      continue;
    }
  }
  return [];
}
