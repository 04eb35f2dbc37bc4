import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Command } from "commander";
import { runnerOf } from "../agents/named.ts";
import { createSessionClient, type SessionClient } from "../client/index.ts";
import { runExecutor, type Ended, type ExecutorAgent } from "../executors/executor.ts";
import { readInput } from "../executors/input.ts";
import { SCHEMA_VERSION } from "../executors/invocation.ts";
import { INVOCATION_SCHEMA } from "../executors/invocation-schema.ts";
import { testAgent } from "../executors/test-runner.ts";
import { createTimestamps } from "../executors/timestamps.ts";
import type { Profile } from "../executors/profile.ts";
import { guardKeeper } from "../guard/guard.ts";
import { openPidFiles } from "../guard/pid-files.ts";
import type { SpawnDeps } from "../guard/spawn-agent.ts";
import { systemClock } from "../shared/base/clock.ts";
import { loadSettings, type Environment } from "../shared/base/config/load.ts";
import { codedError } from "../shared/base/errors.ts";
import type { Lines } from "../shared/base/output/lines.ts";
import { pastProxies } from "../shared/base/proxies.ts";
import { onStopSignal } from "../shared/base/stop-signals.ts";
import { ALL_SETTINGS, GATEWAY_SETTINGS, WORKER_SETTINGS } from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { runningGateway } from "./exec.ts";
import { dataFolder } from "./folders.ts";
import { strippedEnvironment, TRUST } from "./up/environment.ts";
import { harmless } from "./render/text.ts";

/** Names of executors that are not those of their agents. */
const AGENTS: Readonly<Record<string, string>> = { "claude-code": "claude_subprocess" };
const TEST = "test";

/** How long a gateway may be away, and what it or somebody before it answers then. A runner's own gateway says 502 for a gateway that does not listen. */
const RETRY = { totalMs: 5 * 60_000 };
const RETRY_STATUSES = [429, 502, 503, 504];

/** Most bytes on stderr: a runner reads it when the executor has ended, and a pipe that nobody reads holds 64 KiB. */
const STDERR_BYTES: number = 32 * 1024;

/** Most characters of what went wrong, which stands behind all of that. */
const PROBLEM_CHARS = 4000;

const EXIT_FAILED = 1;
/** As a shell shows a program that SIGTERM ended. */
const EXIT_STOPPED = 143;

type Options = { agent?: string; gatewayUrl?: string; data?: string; schema?: true };

export function command(context: Context): Command {
  return new Command("executor")
    .description(
      "Runs an agent for the runner of an Agent Orchestrator, which starts this command and says on stdin what is to be done. Reports to the gateway in AGENT_ORCHESTRATOR_API_URL.",
    )
    .argument(
      "[name]",
      "`claude-code`, or `test` for a scripted agent (default: `agent` of the runner's profile)",
    )
    .option("--agent <name>", "any other agent of the worker, such as `codex` or `acp`")
    .option("--gateway-url <url>", "URL of the gateway (default: the one that `up` runs on this machine)")
    .option("--data <path>", "data folder (RUNNER_RELAY_DATA)")
    .option("--schema", "print the JSON schema of what is expected on stdin")
    .version(`invocation schema ${SCHEMA_VERSION}`)
    .action(async (name: string | undefined, options: Options) => {
      if (options.schema) return context.print(JSON.stringify(INVOCATION_SCHEMA, null, 2));
      if (name !== undefined && options.agent !== undefined)
        throw codedError("usage", "name an executor, or an agent with --agent, not both");
      if (name !== undefined && name !== TEST && !Object.hasOwn(AGENTS, name))
        throw codedError(
          "usage",
          `there is no executor ${name}; choose claude-code or test, or name an agent with --agent`,
        );
      const ended = await execute(context, options, name ?? options.agent);
      process.exit(exitCodeOf(ended)); // stdin may still be open
    });
}

async function execute(context: Context, options: Options, name: string | undefined): Promise<Ended> {
  const { env } = context;
  const warn = briefly(context.serve("executor"));
  const dataDir = dataFolder(options.data ?? env["RUNNER_RELAY_DATA"], env);
  const stopping = new AbortController();
  onStopSignal(() => stopping.abort());
  onOrphaned(() => stopping.abort());
  const ended = await runExecutor({
    input: readInput(process.stdin, { warn, clock: systemClock }),
    prepare: (_, profile) => prepare(name, profile, { env, dataDir }),
    client: clientOf(options, env, dataDir),
    clock: systemClock,
    timestamp: createTimestamps(() => systemClock.wall()),
    print: context.print,
    warn,
    signal: stopping.signal,
    cwd: process.cwd(),
    projectDir: env["AGENT_ORCHESTRATOR_PROJECT_DIR"],
  });
  if (ended.kind === "failed") context.warn(`Error: ${ended.problem.slice(0, PROBLEM_CHARS)}`);
  return ended;
}

function clientOf({ gatewayUrl }: Options, env: Environment, dataDir: string): SessionClient {
  const baseUrl = gatewayUrl ?? env["AGENT_ORCHESTRATOR_API_URL"] ?? runningGateway(dataDir, env).url;
  if (!URL.canParse(baseUrl)) throw codedError("config_invalid", "AGENT_ORCHESTRATOR_API_URL is not a URL");
  Object.assign(env, pastProxies(env, [new URL(baseUrl).hostname]));
  const { inboundToken } = GATEWAY_SETTINGS;
  const { values } = loadSettings({ inboundToken }, { env, known: ALL_SETTINGS });
  const token = values.inboundToken === undefined ? {} : { token: values.inboundToken };
  return createSessionClient({ baseUrl, ...token, retry: RETRY, retryStatuses: RETRY_STATUSES });
}

/** The agent that is asked for. Its programs get what the runner gave to this process, but for what is ours. */
async function prepare(
  name: string | undefined,
  profile: Profile,
  { env: own, dataDir }: { env: Environment; dataDir: string },
): Promise<{ agent: ExecutorAgent; spawn: SpawnDeps }> {
  const folder = join(dataDir, "executors");
  const env = { ...own, ...profile.env };
  const pidFiles = openPidFiles(join(folder, "pids"), process.pid);
  await pidFiles.sweep();
  const spawn = {
    guard: guardKeeper(),
    clock: systemClock,
    env: { ...trustOf(env), ...strippedEnvironment(env) },
    random: randomUUID,
    pidFiles,
  };
  return { spawn, agent: agentOf(name ?? profile.agent, profile, { env, folder }) };
}

function agentOf(
  name: string | undefined,
  { settingSources }: Profile,
  { env, folder }: { env: Environment; folder: string },
): ExecutorAgent {
  const { wall } = systemClock;
  if (name === undefined)
    throw codedError("usage", "no executor is named, here or by `agent` of the profile");
  if (name === TEST)
    return testAgent({
      folder: join(folder, TEST),
      random: randomUUID,
      now: () => new Date(wall()).toISOString(),
    });
  const { values } = loadSettings(WORKER_SETTINGS, { env, known: ALL_SETTINGS });
  const root = process.getuid?.() === 0;
  const home = { env, folder: undefined, claudeSettings: settingSources, root, clock: systemClock };
  return { name, runner: runnerOf({ ...values, agent: AGENTS[name] ?? name }, home) };
}

/** Certificates that programs trust are no secrets, though their variables name files. */
function trustOf(env: Environment): Record<string, string> {
  return Object.fromEntries(TRUST.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** Writes lines until there are so many that nobody may read more of them. */
function briefly({ write }: Lines): (line: string) => void {
  let left = STDERR_BYTES;
  return (line) => {
    const text = `${harmless(line)}\n`;
    left -= Buffer.byteLength(text);
    if (left > 0) write(text);
  };
}

/** How often is looked whether the parent still lives. */
const LOOK_MS = 1000;

/** Calls `orphaned` when the program is gone that started this one, by a kill that it could not pass on. Keeps the process alive until then: an executor may wait for nothing but time. */
function onOrphaned(orphaned: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    orphaned();
  }, LOOK_MS);
}

function exitCodeOf({ kind }: Ended): number {
  return kind === "done" ? 0 : kind === "failed" ? EXIT_FAILED : EXIT_STOPPED;
}
