import { join } from "node:path";
import { permissionsOf } from "../shared/messages/permissions.ts";
import { MAX_PAYLOAD } from "../shared/log/schema/topology.ts";
import type { BrokerUser } from "./users.ts";

/** The inputs of the embedded broker's configuration. */
export type BrokerLayout = {
  /** With -1 the broker chooses a free port. */
  port: number;
  /** Folder of the ports file and the pid file. */
  runDir: string;
  storeDir: string;
  /** False only if replicas make up for it, and in measurements of that. */
  syncAlways: boolean;
};

/** The account's limit is too large to be reached. The streams have their own limits (docs/contract.md, "The log"), and only those should ever refuse writes. */
const MAX_FILE_STORE = 1024 ** 5;
/** None of our streams is kept in memory. This limit is for streams that people try out with the `nats` CLI. */
const MAX_MEMORY_STORE = 64 * 1024 * 1024;

/** The name of the pid file in the run folder. */
export const PID_FILE = "nats-server.pid";
/** The file with the users. It is next to the configuration, which contains no secret itself, because includes are relative to it. */
export const USERS_FILE = "users.conf";

/** The text of the embedded broker's `nats-server.conf`. The users come first; see {@link readSyncAlways} about includes. */
export function brokerConfig(layout: BrokerLayout): string {
  return `# Written by runner-relay at every start: changes are lost.
include "${USERS_FILE}"

server_name: "runner-relay"
host: "127.0.0.1"
port: ${layout.port}
pid_file: ${quoted(join(layout.runDir, PID_FILE))}
ports_file_dir: ${quoted(layout.runDir)}
max_payload: ${MAX_PAYLOAD}
lame_duck_grace_period: "1s"
lame_duck_duration: "30s" # the shortest that the server takes
logtime: false

jetstream {
  store_dir: ${quoted(layout.storeDir)}
  max_file_store: ${MAX_FILE_STORE}
  max_memory_store: ${MAX_MEMORY_STORE}
${layout.syncAlways ? "  sync_interval: always # an acknowledged event is on disk (DURABLE-1)\n" : ""}}
`;
}

/** The text of the included file with the users. Passwords are plain, because bcrypt would cost 100 ms at every connect, and the file has mode 0600. */
export function usersConfig(users: readonly BrokerUser[]): string {
  const entries = users.map(({ role, gateway, login }) => {
    const { publish, subscribe } = permissionsOf(role, gateway);
    return `  {
    user: ${quoted(login.user)}
    password: ${quoted(login.password)}
    permissions {
      publish { allow: [${publish.map(quoted).join(", ")}] }
      subscribe { allow: [${subscribe.map(quoted).join(", ")}] }
    }
  }`;
  });
  return `authorization {\n users: [\n${entries.join("\n")}\n ]\n}\n`;
}

/** Quotes a string in the configuration's syntax: double quotes with backslash escapes. */
function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
