import { lstatSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { readServers } from "../../shared/base/config/servers.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { isPort } from "../../shared/base/port-number.ts";
import { readKeptFileSync } from "../../shared/base/short-file.ts";
import { makeOwnFolder } from "../../shared/base/own-folder.ts";

/** What `up` keeps in the data folder between starts. */
export type Kept = {
  /** Port of the stand-in coordinator. It must stay the same, because the log belongs to one coordinator and knows it by its URL. */
  coordinatorPort?: number;
  /** Ports of the relay and of the console, because people and Prometheus have their addresses. */
  relayPort?: number;
  consolePort?: number;
  /** Port of the sessions server, because clients have its address. */
  sessionsPort?: number;
  /** The broker where the log was made already, so that gateway and relay need not wait for that. */
  provisionedAt?: string;
};

const FILE = "up.json";

export function readKept(dataDir: string): Kept {
  try {
    return keptIn(JSON.parse(readKeptFileSync(join(dataDir, FILE))));
  } catch {
    return {}; // the first start
  }
}

/** Reads what was kept. A damaged value counts as missing: another port is chosen, or the log is looked at again. Pure. */
export function keptIn(value: unknown): Kept {
  const { coordinatorPort, relayPort, consolePort, sessionsPort, provisionedAt } = (value ?? {}) as Record<
    string,
    unknown
  >;
  return {
    ...(isPort(coordinatorPort) ? { coordinatorPort } : {}),
    ...(isPort(relayPort) ? { relayPort } : {}),
    ...(isPort(consolePort) ? { consolePort } : {}),
    ...(isPort(sessionsPort) ? { sessionsPort } : {}),
    ...(typeof provisionedAt === "string" ? { provisionedAt } : {}),
  };
}

export function writeKept(dataDir: string, kept: Kept): void {
  const file = join(dataDir, FILE);
  try {
    replaceFile(file, `${JSON.stringify(kept)}\n`);
  } catch (cause) {
    throw codedError("data_unusable", `${file} cannot be written: ${errorText(cause)}`, { cause });
  }
}

/** Where everything is, for programs (docs/contract.md, "Programs around `up`"). */
export type ReadyInfo = {
  gateway: string;
  relay: string;
  nats: string;
  coordinator: string;
  pid: number;
  /** Address of the status page with its token, which is why these files have mode 0600. Absent if the page is off, or cannot start. */
  page?: string;
  /** Address of the console without the token. Absent where `page` is. */
  console?: string;
  /** Address of the sessions server. Absent if there is none, or it cannot start. */
  sessions?: string;
  /** Unix socket of the gateway, if it has one. */
  socket?: string;
};

/** The file in the data folder by which `exec` and `status` find what runs. */
export function runningFile(dataDir: string): string {
  return join(dataDir, "running.json");
}

/**
 * What runs in a data folder; undefined if nothing does. The file of an `up` that was killed is ignored: another user may have its ports by now, and would be
 * given the page's token.
 */
export function readRunning(dataDir: string): ReadyInfo | undefined {
  try {
    const info = runningIn(JSON.parse(readKeptFileSync(runningFile(dataDir))));
    return info !== undefined && lives(info.pid) ? info : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a `running.json`. Undefined if `up` cannot have written it. Pure. */
export function runningIn(value: unknown): ReadyInfo | undefined {
  const { page, console, sessions, socket, ...info } = (value ?? {}) as Record<string, unknown>;
  const { gateway, relay, nats, coordinator, pid } = info;
  if (!isWebUrl(gateway) || !isWebUrl(relay) || !isWebUrl(coordinator)) return undefined;
  if (typeof nats !== "string" || typeof pid !== "number" || !readServers(nats).ok) return undefined;
  return {
    gateway,
    relay,
    nats,
    coordinator,
    pid,
    ...(isWebUrl(page) ? { page } : {}),
    ...(isWebUrl(console) ? { console } : {}),
    ...(isWebUrl(sessions) ? { sessions } : {}),
    ...(typeof socket === "string" ? { socket } : {}),
  };
}

function isWebUrl(value: unknown): value is string {
  return typeof value === "string" && /^https?:$/.test(URL.parse(value)?.protocol ?? "");
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // it belongs to another user
  }
}

/** Removes a file. A folder in its place is not ours, and stays. */
export function removeFile(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isDirectory() !== true) rmSync(file, { force: true });
}

const EVERYBODY_WRITES = 0o002;

/**
 * Makes the data folder, for its user alone. A folder that is there already is used as it is, unless other users could exchange what is in it (the log and its
 * secrets). Throws `data_unusable`.
 */
export function makeFolder(folder: string): void {
  try {
    makeOwnFolder(folder);
  } catch (cause) {
    throw codedError("data_unusable", `${folder} cannot be made: ${errorText(cause)}`, { cause });
  }
  const problem = folderProblem(statSync(folder), process.getuid?.());
  if (problem !== undefined) throw codedError("data_unusable", `${folder} ${problem}`);
}

/** Says which other users may exchange what is in a folder; undefined if none may. `us` is undefined where users have no numbers. Root may use any folder. Pure. */
export function folderProblem(
  { uid, mode }: { uid: number; mode: number },
  us: number | undefined,
): string | undefined {
  if (us !== undefined && us !== 0 && uid !== us && uid !== 0)
    return "belongs to another user, who could exchange what lies in it";
  return (mode & EVERYBODY_WRITES) === 0 ? undefined : "can be written by everybody: chmod 700";
}
