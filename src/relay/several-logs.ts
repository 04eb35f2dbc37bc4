import type { Environment } from "../shared/base/config/load.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import type { SecretRegistry } from "../shared/base/logger.ts";
import type { Credentials } from "../shared/credentials/index.ts";
import { createCoordinator } from "./coordinator/client.ts";
import { keepLog, type KeptLog, type KeptLogDeps } from "./kept-log.ts";
import { MAX_WHOLE_BYTES, shareConnections } from "./lanes/index.ts";
import {
  accessOf,
  changesOf,
  loginsIn,
  readLogFiles,
  type LogChange,
  type LogFile,
  type LogFiles,
} from "./logs/files.ts";
import { metricsOf, readyOf, shownOf, statusOf, type LogStates } from "./logs/standing.ts";
import type { RelayDeps, RelayOptions } from "./options.ts";
import type { Relay } from "./relay.ts";
import type { Dependency } from "./report/admin-server.ts";

// logs/files.ts reads which logs there are · kept-log.ts serves one, logs/again.ts says when again after a failure · logs/life.ts is what its relay lives on ·
// logs/standing.ts tells of all of them. The relays know nothing of each other: what is wrong with a log or its host stays there.

/** How often the folder is looked at. A change counts at the second look. */
const LOOK_MS = 2000;
/** The process is ready when each log was tried once, or after this time: a host that is away holds up nobody. */
const FIRST_MS = 3000;
/** Every log keeps at least this many bytes of messages whole, which is some hundred events. */
const LEAST_WHOLE_BYTES = 256 * 1024;

export type SeveralDeps = Pick<RelayDeps, "clock" | "random" | "log" | "tracing" | "openAdmin"> & {
  credentials: Credentials;
  linesDropped: () => number;
  secrets: SecretRegistry;
  env: Environment;
};

/** What the relays of the process divide among them. */
function sharedBy(
  served: ReadonlyMap<string, unknown>,
  { coordinatorUrl: url, connections, attemptTimeoutMs }: RelayOptions,
  { secrets, clock, random, log, tracing, credentials }: SeveralDeps,
): KeptLogDeps {
  return {
    clock,
    random,
    log,
    tracing,
    credentials,
    openCoordinator: () => createCoordinator({ url, connections, attemptTimeoutMs, secrets }),
    connections: shareConnections(connections),
    mostWholeBytes: () => Math.max(LEAST_WHOLE_BYTES, MAX_WHOLE_BYTES / Math.max(1, served.size)),
  };
}

function accessAt(
  file: LogFile,
  { env, secrets }: Pick<SeveralDeps, "env" | "secrets">,
): ReturnType<typeof accessOf> {
  const access = accessOf(file, env);
  for (const secret of [access.password, access.token]) if (secret !== undefined) secrets.add(secret);
  return access;
}

function credentialsOf(credentials: Credentials): Dependency {
  const { kind, lastError } = credentials.describe();
  return { ok: lastError === undefined, detail: lastError ?? kind };
}

/** Does `what` again and again, one at a time. What fails is logged when it did not fail before. */
function follow(
  { clock, log }: Pick<SeveralDeps, "clock" | "log">,
  what: () => Promise<void>,
): { stop(): Promise<void> } {
  let stopped = false;
  let failing = false;
  let looking = Promise.resolve();
  let cancel = (): void => undefined;
  function wait(): void {
    cancel = clock.after(LOOK_MS, () => {
      looking = what()
        .then(
          () => void (failing = false),
          (error: unknown) => {
            if (!failing)
              log.warn(
                { err: errorText(error) },
                "the folder of the logs cannot be read; they are served as before",
              );
            failing = true;
          },
        )
        .then(() => (stopped ? undefined : wait()));
    });
  }
  wait();
  return {
    async stop() {
      stopped = true;
      cancel();
      await looking;
    },
  };
}

/** The logs that are served now. */
type Served = {
  files: () => LogFiles;
  states: () => LogStates;
  apply: (change: LogChange) => Promise<void>;
  /** Resolves when each log that is served now was tried once. */
  tried(): Promise<unknown>;
  stop(): Promise<void>;
};

function createServed(options: RelayOptions, deps: SeveralDeps): Served {
  const { log } = deps;
  const served = new Map<string, { file: LogFile; kept: KeptLog }>();
  const shared = sharedBy(served, options, deps);
  return {
    files: () => new Map([...served].map(([name, { file }]) => [name, file])),
    states: () => new Map([...served].map(([name, { kept }]) => [name, kept.state()])),
    async apply({ name, file }) {
      const before = served.get(name);
      served.delete(name);
      await before?.kept.stop();
      if (file === undefined) return log.info({ log: name }, "the log is served no longer: its file is gone");
      if (before !== undefined) log.info({ log: name }, "the log is served anew: its file changed");
      const own = { ...options, relay: `${options.relay}-${name}` };
      const kept = keepLog(own, () => accessAt(file, deps), { ...shared, log: log.child({ log: name }) });
      served.set(name, { file, kept });
    },
    tried: () => Promise.all([...served.values()].map(({ kept }) => kept.tried)),
    stop: async () => void (await Promise.all([...served.values()].map(({ kept }) => kept.stop()))),
  };
}

/** Serves each log of which there is a file in the folder, and follows the folder. Throws `config_invalid` for one that cannot be read. */
export async function serveLogs(folder: string, options: RelayOptions, deps: SeveralDeps): Promise<Relay> {
  const { clock, log, credentials } = deps;
  const logins = loginsIn(deps.env);
  if (logins.length > 0)
    throw codedError(
      "config_invalid",
      `${logins.join(", ")}: with RUNNER_RELAY_LOGS each log has its login in its file`,
    );
  let seen = await readLogFiles(folder).catch((cause: unknown) => {
    throw codedError("config_invalid", `RUNNER_RELAY_LOGS: ${errorText(cause)}`, { cause });
  });
  if (seen.size === 0) log.warn({ folder }, "there is no file of a log in the folder yet");
  const served = createServed(options, deps);
  await Promise.all(changesOf(new Map(), seen, seen).map(served.apply));
  const follower = follow(deps, async () => {
    const now = await readLogFiles(folder);
    const changes = changesOf(served.files(), seen, now);
    seen = now;
    await Promise.all(changes.map(served.apply));
  });
  const admin = await deps.openAdmin({
    listen: options.adminListen,
    port: options.adminPort,
    keptPort: options.keptPort,
    version: options.version,
    clock,
    token: options.pageToken,
    metrics: metricsOf(served.states, deps.linesDropped),
    ready: () => readyOf(served.states(), credentialsOf(credentials)),
    logs: () => Object.fromEntries([...served.states()].map(([name, state]) => [name, shownOf(state)])),
    status: () => statusOf(served.states()),
  });
  await Promise.race([served.tried(), new Promise<void>((resolve) => void clock.after(FIRST_MS, resolve))]);
  return {
    adminUrl: admin.url,
    async close() {
      await follower.stop();
      await served.stop();
      await admin.close();
      credentials.close();
    },
  };
}
