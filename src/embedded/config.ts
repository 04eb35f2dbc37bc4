import { join } from "node:path";
import { permissionsOf } from "../shared/messages/permissions.ts";
import { MAX_PAYLOAD } from "../shared/log/schema/topology.ts";
import type { BrokerUser } from "./users.ts";

/** What the configuration of the embedded broker depends on. */
export type BrokerLayout = {
  /** -1 lets the broker choose a free one. */
  port: number;
  /** Folder of the ports file and the pid file. */
  runDir: string;
  storeDir: string;
  /** False only where replicas make up for it, and in measurements of that. */
  syncAlways: boolean;
};

/** The account's limit is far too large to be reached: streams have limits of their own (docs/contract.md, "The log"), and only those should ever refuse. */
const MAX_FILE_STORE = 1024 ** 5;
/** None of our streams is kept in memory. This is for streams that people try out with the `nats` CLI. */
const MAX_MEMORY_STORE = 64 * 1024 * 1024;

/** Name of the pid file in the run folder. */
export const PID_FILE = "nats-server.pid";
/** File with the users, beside the configuration (includes are relative to it), which itself holds no secret. */
export const USERS_FILE = "users.conf";

/** Text of the embedded broker's `nats-server.conf`. The users come first: see {@link readSyncAlways} for includes. */
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

/** Text of the included file with the users. Plain passwords: bcrypt would cost 100 ms at every connect, the file is 0600. */
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

/** A string in the configuration's syntax: double quotes with backslash escapes. */
function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
