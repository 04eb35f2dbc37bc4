import { join } from "node:path";
import { openSessions, type Sessions } from "../../client/sessions/index.ts";
import { loadSettings, type Environment } from "../../shared/base/config/load.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { learnReach, ownCommand, reachOf } from "../../shared/base/own-command.ts";
import { readSecret, SESSIONS_KEY_FILE } from "../../shared/http/door/secret-file.ts";
import {
  ALL_SETTINGS,
  COMMON_SETTINGS,
  SESSIONS_CLIENT_SETTINGS,
  SESSIONS_SETTINGS,
} from "../../shared/settings/index.ts";
import type { Flags } from "../flags.ts";
import { dataFolder } from "../folders.ts";
import { readRunning } from "../up/kept.ts";

/** The settings of every command that talks to a sessions server. */
export const SESSIONS_CLIENT_TABLE = {
  data: COMMON_SETTINGS.data,
  sessionsUrl: SESSIONS_CLIENT_SETTINGS.sessionsUrl,
  sessionsApiKey: SESSIONS_SETTINGS.sessionsApiKey,
} as const;

/** Somebody waits at a terminal: a server that is restarted is back by then. */
const PATIENCE_MS = 5000;

/** Where a sessions server is, and the key that lets in. */
export type Server = { url: string; key: string | undefined };

/** What the settings say about the server: it was named, `up` runs it in this data folder, or there is none. */
export type Found =
  | { kind: "server"; server: Server }
  /** `key` is the one that was set for whatever server will run. */
  | { kind: "none"; dataDir: string; key: string | undefined };

/** Finds the server. The key of a data folder goes to the server of that folder only. Throws `config_invalid`, and `nothing_found` where `up` runs without one. */
export function findServer({ env, flags }: { env: Environment; flags: Flags }): Found {
  const { values } = loadSettings(SESSIONS_CLIENT_TABLE, { env, flags, known: ALL_SETTINGS });
  const { sessionsUrl: named, sessionsApiKey: given } = values;
  const dataDir = dataFolder(values.data, env);
  const running = readRunning(dataDir);
  const own = running?.sessions;
  learnReach(named === undefined ? reachOf(dataDir, env) : ["--gateway-url", named]);
  const url = named ?? own;
  if (url === undefined && running !== undefined) throw withoutSessions(dataDir);
  if (url === undefined) return { kind: "none", dataDir, key: given };
  const isOwn = own !== undefined && new URL(url).origin === new URL(own).origin;
  return { kind: "server", server: { url, key: given ?? (isOwn ? keyIn(dataDir) : undefined) } };
}

/** The same for commands that need a server that runs. Throws `nothing_found`. */
export function serverOf(of: { env: Environment; flags: Flags }): Server {
  const found = findServer(of);
  if (found.kind === "server") return found.server;
  throw codedError(
    "nothing_found",
    `no sessions server is running in ${found.dataDir}; run \`${ownCommand("up")}\`, or name one with --gateway-url`,
  );
}

function withoutSessions(dataDir: string): Error {
  const text = `\`up\` runs in ${dataDir} without a sessions server; its log says why`;
  return codedError("nothing_found", text);
}

/** Key of the server whose data folder that is; undefined if there is none. Throws `nothing_found` if it cannot be read. */
export function keyIn(dataDir: string): string | undefined {
  const file = join(dataDir, SESSIONS_KEY_FILE);
  try {
    return readSecret(file);
  } catch (cause) {
    const text = `${file} cannot be read; only its owner may read it: ${errorText(cause)}`;
    throw codedError("nothing_found", text, { cause });
  }
}

export function clientOf({ url, key }: Server): Sessions {
  return openSessions({ url, retry: { totalMs: PATIENCE_MS }, ...(key === undefined ? {} : { key }) });
}
