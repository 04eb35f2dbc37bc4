import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { freePort } from "../../src/cli/up/free-port.ts";
import type { ReadyInfo } from "../../src/cli/up/kept.ts";
import { readKept } from "../../src/embedded/kept.ts";
import { connectBroker } from "../../src/shared/log/broker.ts";
import { OPERATOR_INBOX, SERVE_INBOX } from "../../src/shared/log/schema/subjects.ts";
import type { Part } from "./rounds/subject.ts";
import { startSupervised } from "./rounds/supervised.ts";

/** A process that `up` keeps running. */
export type UpChild = Part & { pid(): number | undefined };

/** `up` under a supervisor, what it starts, and its log as users of the broker see it. */
export type UpHome = {
  /** Where executors send events. */
  url: string;
  /** What `up` wrote for programs around it. */
  info(): ReadyInfo;
  up: UpChild;
  child(name: ChildName): UpChild;
  /** Returns when events are taken again. */
  well(): Promise<void>;
  connect(user: keyof typeof INBOXES): Promise<NatsConnection>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Children of `up`, and what is on their command lines. */
const CHILDREN = {
  gateway: "gateway/main.",
  relay: "relay/main.",
  "nats-server": "nats-server",
  serve: "sessions/main.",
  worker: "worker/main.",
  console: "console/main.",
};
export type ChildName = keyof typeof CHILDREN;

const INBOXES = { operator: OPERATOR_INBOX, serve: SERVE_INBOX };
const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const READY_MS = 90_000;
const LOOK_MS = 50;

/** `dir` has the log, `dataDir` the data; both are left as they are. */
export async function startUpHome(options: {
  coordinatorUrl: string;
  dir: string;
  dataDir: string;
  env: Record<string, string>;
  /** Flags of its Node. */
  nodeOptions?: readonly string[];
}): Promise<UpHome> {
  const { coordinatorUrl, dir, dataDir, nodeOptions = [] } = options;
  const readyFile = join(dir, "ready.json");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ["--data", dataDir, "--ready-file", readyFile, "--coordinator", coordinatorUrl];
  const up = await startSupervised({
    name: "up",
    command: [process.execPath, ...nodeOptions, MAIN, "up", ...args, "--port", String(port)],
    env: { ...options.env, HOME: process.env["HOME"] ?? "" },
    logFile: join(dir, "up.log"),
    port,
  });

  async function isWell(): Promise<boolean> {
    const answer = await fetch(`${url}/_relay/ready`).catch(() => undefined);
    await answer?.text().catch(() => undefined);
    return answer?.ok === true && existsSync(readyFile); // the gateway answers before a relay runs
  }

  async function well(): Promise<void> {
    for (const end = performance.now() + READY_MS; !(await isWell()); await delay(LOOK_MS))
      if (performance.now() > end) throw new Error(`up is not ready; see ${join(dir, "up.log")}`);
  }

  const info = (): ReadyInfo => JSON.parse(readFileSync(readyFile, "utf8")) as ReadyInfo;
  try {
    await well();
  } catch (error) {
    await up[Symbol.asyncDispose]();
    throw error;
  }
  return {
    url,
    info,
    up: { ...up, ready: well },
    child(name) {
      const pid = (): number | undefined => {
        const parent = up.pid();
        return parent === undefined ? undefined : childWith(parent, CHILDREN[name]);
      };
      const signal = (it: NodeJS.Signals): void => {
        const found = pid();
        if (found !== undefined) process.kill(found, it);
      };
      return { name, pid, signal, kill9: async () => signal("SIGKILL"), ready: well };
    },
    well,
    connect(user) {
      const password = readKept(dataDir).passwords[user] ?? "";
      const inboxPrefix = INBOXES[user];
      return connectBroker({ servers: [info().nats], user, password }, { name: "faults", inboxPrefix });
    },
    async [Symbol.asyncDispose]() {
      await up[Symbol.asyncDispose]();
    },
  };
}

/** A child of a process, by a text on its command line. */
function childWith(parent: number, text: string): number | undefined {
  return readdirSync("/proc")
    .map(Number)
    .find((pid) => {
      if (!Number.isInteger(pid)) return false;
      try {
        const [, ppid] = /\) \w (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
        return Number(ppid) === parent && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false; // gone meanwhile
      }
    });
}
