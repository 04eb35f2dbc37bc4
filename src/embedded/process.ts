import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connectBroker } from "../shared/log/broker.ts";
import type { Clock } from "../shared/base/clock.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { readKeptFileSync } from "../shared/base/short-file.ts";
import { ADMIN_INBOX } from "../shared/log/schema/subjects.ts";
import { PID_FILE } from "./config.ts";
import { guarded, type OrphanGuard } from "./orphan.ts";
import type { Login } from "./users.ts";

/** How a process ended. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** One run of nats-server. */
export type ServerProcess = {
  pid: number;
  port: number;
  exited: Promise<Exit>;
  /** Sends TERM, then KILL. It may have ended already. */
  stop(): Promise<void>;
};

type SpawnOptions = {
  binary: string;
  configFile: string;
  runDir: string;
  admin: Login;
  guard: OrphanGuard;
  clock: Clock;
  log: Logger;
  /** Is given each line about an error. */
  failed?: (line: string) => void;
  /** Ends a start under way. */
  signal?: AbortSignal;
};

/** How long a start may take. A store of 400,000 messages is read in 0.55 s after a kill -9; this is enough for hundreds of times as many. */
const START_TIMEOUT_MS = 120_000;
/** How long a stop may take. TERM ends an idle server in 5 ms, but it may have to write the indexes of a large store. `up` gives its whole end 8 s. */
const STOP_TIMEOUT_MS = 5000;
const POLL_MS = 3; // it is ready after 15-25 ms
const LAST_LINES = 12;
/** The server's warning about plain passwords, which we want: they are random and in a 0600 file, and bcrypt would add 100 ms to every connect. */
const PLAIN_PASSWORDS = "Plaintext passwords detected";

/** Starts one nats-server and waits until JetStream answers an admin. Throws `broker_failed` with its last lines. */
export async function spawnServer(options: SpawnOptions): Promise<ServerProcess> {
  const { binary, configFile, guard, clock, log } = options;
  const [file, ...args] = guarded(guard, [binary, "-c", configFile]);
  // The server needs no variable of ours, so it gets none (CRED-1). It has a process group of its own, because Ctrl-C in a terminal is for `up`, which drains first.
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], env: {}, detached: true });

  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > LAST_LINES) lines.shift();
    passOn(line, options);
  });
  child.stdin.on("error", () => undefined); // EPIPE when it is gone: `exited` tells

  let ended: Exit | undefined;
  const exited = new Promise<Exit>((done) => {
    child.once("error", (error) => {
      lines.push(errorText(error));
      done((ended = { code: null, signal: null }));
    });
    child.once("close", (code, signal) => done((ended = { code, signal })));
  });
  let pid = child.pid;
  if (guard.kind === "pipe") {
    pid = undefined;
    createInterface({ input: child.stdout }).once("line", (line) => (pid = Number(line)));
  } else child.stdout.resume();

  const stop = async (): Promise<void> => {
    if (ended !== undefined) return;
    child.kill("SIGTERM");
    const cancel = clock.after(STOP_TIMEOUT_MS, () => {
      log.error({ pid }, "nats-server ignores TERM, killing it");
      kill(pid, "SIGKILL");
      child.kill("SIGKILL");
    });
    await exited;
    cancel();
  };

  const started = clock.now();
  const failed = (why: string): Error =>
    codedError("broker_failed", [`${binary} ${why}`, ...lines.map((line) => `  ${line}`)].join("\n"));

  try {
    for (;;) {
      if (ended !== undefined) throw failed(`ended with ${ended.signal ?? `code ${ended.code}`}`);
      if (options.signal?.aborted) {
        kill(pid, "SIGKILL"); // while it reads its store it heeds no TERM, and it has written nothing
        throw failed("was stopped before it was ready");
      }
      if (clock.now() - started > START_TIMEOUT_MS) throw failed("is not ready after two minutes");
      const port = pid === undefined ? undefined : portOf(join(options.runDir, `nats-server_${pid}.ports`));
      if (pid !== undefined && port !== undefined && (await jetStreamAnswers(port, options.admin))) {
        return { pid, port, exited, stop };
      }
      await Promise.race([exited, sleep(POLL_MS)]);
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Logs a line of the server's by its level. */
function passOn(line: string, { log, failed }: Pick<SpawnOptions, "log" | "failed">): void {
  if (/\[(?:ERR|FTL)\]/.test(line)) {
    failed?.(line);
    log.error({ line }, "nats-server");
  } else if (line.includes("[WRN]") && !line.includes(PLAIN_PASSWORDS)) log.warn({ line }, "nats-server");
  else log.debug({ line }, "nats-server");
}

/** The port in a ports file. Undefined while the file is missing or half written. */
function portOf(file: string): number | undefined {
  try {
    const { nats } = JSON.parse(readFileSync(file, "utf8")) as { nats?: string[] };
    const url = nats?.[0];
    return url === undefined ? undefined : Number(new URL(url).port);
  } catch {
    return undefined;
  }
}

async function jetStreamAnswers(port: number, admin: Login): Promise<boolean> {
  try {
    await using connection = await connectBroker(
      { servers: [`nats://127.0.0.1:${port}`], ...admin },
      { name: "runner-relay start", inboxPrefix: ADMIN_INBOX, timeoutMs: 1000 },
    ).then((nc) => ({ nc, [Symbol.asyncDispose]: () => nc.close() }));
    const reply = await connection.nc.request("$JS.API.INFO", "", { timeout: 1000 });
    return !("error" in reply.json<object>());
  } catch {
    return false;
  }
}

function kill(pid: number | undefined, signal: NodeJS.Signals): boolean {
  try {
    return pid !== undefined && process.kill(pid, signal);
  } catch {
    return false; // ESRCH: gone
  }
}

/**
 * Ends a server that outlived its supervisor (both guards need some milliseconds), because it would write to the store beside the new one. Call it
 * with the folder locked. A pid file survives crashes and another process may have the pid by now, so only a process with our configuration file on its
 * command line is ended.
 */
export async function endLeftover(runDir: string, configFile: string, log: Logger): Promise<void> {
  const pid = leftoverPid(join(runDir, PID_FILE), configFile);
  if (pid !== undefined) {
    log.warn({ pid }, "stopping a leftover nats-server");
    for (let waited = 0; leftoverPid(join(runDir, PID_FILE), configFile) !== undefined; waited += POLL_MS) {
      kill(pid, waited < STOP_TIMEOUT_MS ? "SIGTERM" : "SIGKILL");
      await sleep(POLL_MS);
    }
  }
  for (const name of readdirSync(runDir)) rmSync(join(runDir, name), { force: true, recursive: true });
}

function leftoverPid(pidFile: string, configFile: string): number | undefined {
  try {
    const pid = Number(readKeptFileSync(pidFile));
    return commandLine(pid).includes(configFile) ? pid : undefined;
  } catch {
    return undefined; // no pid file, or no such process
  }
}

function commandLine(pid: number): string {
  if (process.platform === "linux") return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  return execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" });
}
