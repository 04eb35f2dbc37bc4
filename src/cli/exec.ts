import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { Command } from "commander";
import type { Environment } from "../shared/base/config/load.ts";
import { learnReach, ownCommand, reachOf } from "../shared/base/own-command.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import { pastProxies } from "../shared/base/proxies.ts";
import { showUrl } from "../shared/base/show-url.ts";
import type { Context } from "./context.ts";
import { dataFolder } from "./folders.ts";
import { strippedEnvironment } from "./up/environment.ts";
import { readRunning } from "./up/kept.ts";

const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
const HEALTH_TIMEOUT_MS = 3000;
/** A gateway with an inbound token counts as running, because the command may use its socket or know the token. */
const ASKS_FOR_TOKEN = 401;

export function command(context: Context): Command {
  return new Command("exec")
    .description(
      "Runs a command with the gateway as its coordinator: sets AGENT_ORCHESTRATOR_API_URL (and AGENT_ORCHESTRATOR_API_SOCKET if the gateway has a socket), and removes credentials, NATS_* and *_FILE variables from its environment.",
    )
    .usage("[options] -- COMMAND [ARGUMENTS…]")
    .argument("<command...>", "what to run")
    .option("--gateway-url <url>", "URL of the gateway (default: the one that `up` runs on this machine)")
    .option("--data <path>", "data folder of `up` (RUNNER_RELAY_DATA)")
    .passThroughOptions()
    .action(async (words: string[], options: { gatewayUrl?: string; data?: string }) => {
      const { env } = context;
      const { url, socket } =
        options.gatewayUrl === undefined
          ? runningGateway(dataFolder(options.data ?? env["RUNNER_RELAY_DATA"], env), env)
          : { url: options.gatewayUrl };
      // A proxy cannot reach a loopback address, so the child must not ask one for it.
      if (URL.canParse(url)) Object.assign(env, pastProxies(env, [new URL(url).hostname]));
      await refuseSilentGateway(url);
      process.exitCode = await run(words, {
        ...strippedEnvironment(env),
        AGENT_ORCHESTRATOR_API_URL: url,
        ...(socket === undefined ? {} : { AGENT_ORCHESTRATOR_API_SOCKET: socket }),
      });
    });
}

export function runningGateway(dataDir: string, env: Environment): { url: string; socket?: string } {
  learnReach(reachOf(dataDir, env));
  const running = readRunning(dataDir);
  if (running === undefined) {
    throw codedError(
      "nothing_found",
      `no gateway is running in ${dataDir}; run \`${ownCommand("up")}\`, or name a gateway with --gateway-url`,
    );
  }
  const { gateway: url, socket } = running;
  return socket === undefined ? { url } : { url, socket };
}

async function refuseSilentGateway(url: string): Promise<void> {
  let why: string;
  try {
    const response = await fetch(new URL("/_relay/health", url), {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      redirect: "manual",
    });
    if (response.ok || response.status === ASKS_FOR_TOKEN) return;
    why = `status ${response.status}`;
  } catch (error) {
    why = errorText(error);
  }
  throw codedError("nothing_found", `no gateway answers at ${showUrl(url)}: ${why}`);
}

/** A shell's exit codes for a command that is not found, and for one that cannot be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

function cannotRun(file: string, cause: unknown): Error {
  const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  process.exitCode = missing ? NOT_FOUND : NOT_EXECUTABLE;
  return codedError("nothing_found", `${file} cannot be run: ${errorText(cause)}`, { cause });
}

function start(file: string, args: readonly string[], env: Record<string, string>): ChildProcess {
  try {
    return spawn(file, args, { stdio: "inherit", env });
  } catch (error) {
    throw cannotRun(file, error); // the name is empty
  }
}

/** Runs the command in our place: on the same terminal, with our signals passed on, and with its exit code (128 + n for a signal, as in a shell). */
async function run(words: string[], env: Record<string, string>): Promise<number> {
  const [file, ...args] = words;
  if (file === undefined) throw codedError("usage", "no command given");
  const child = start(file, args, env);
  for (const signal of FORWARDED) process.on(signal, () => void child.kill(signal));
  return await new Promise((done, fail) => {
    child.once("error", (cause) => fail(cannotRun(file, cause)));
    child.once("exit", (code, signal) =>
      done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
