import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../../src/cli/up/free-port.ts";
import type { ReadyInfo } from "../../../src/cli/up/kept.ts";
import { readKept } from "../../../src/embedded/kept.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { OPERATOR_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import packageFile from "../../../package.json" with { type: "json" };
import { without } from "../../support/up.ts";
import { deadMarkers } from "../stage.ts";
import { brokerVersion } from "./broker-version.ts";
import { createClock, jumpsOf } from "./clock.ts";
import { mountSmallDisk } from "./small-disk.ts";
import type { Part, Stand, Subject } from "./subject.ts";
import { startSupervised } from "./supervised.ts";

const MAIN = new URL("../../../src/cli/main.ts", import.meta.url).pathname;
/** `up` asks for much less for its logs. */
const DISK_BYTES = 512 * 1024 ** 2;
const READY_MS = 90_000;
const LOOK_MS = 50;
/** Children of `up`, and what is on their command lines. */
const CHILDREN = { gateway: "gateway", relay: "relay", "nats-server": "nats-server" };

/** The product as its users start it: `up` under a supervisor, on a disk of its own. What `up` starts is killed behind its back. */
export async function startOursUp({ coordinatorUrl, dir }: Stand): Promise<Subject> {
  await using scope = new AsyncDisposableStack();
  const folder = join(dir, "up");
  const disk = mountSmallDisk(folder, DISK_BYTES);
  if (disk !== undefined) scope.use(disk);
  const dataDir = join(folder, "data");
  const readyFile = join(dir, "ready.json");
  const clock = createClock(dir, "up");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const files = ["--data", dataDir, "--ready-file", readyFile];
  const up = scope.use(
    await startSupervised({
      name: "up",
      command: [
        process.execPath,
        ...clock.nodeOptions,
        MAIN,
        "up",
        ...files,
        "--coordinator",
        coordinatorUrl,
        "--port",
        `${port}`,
      ],
      env: { ...without([]), HOME: process.env["HOME"] ?? "" },
      logFile: join(dir, "up.log"),
      port,
    }),
  );

  async function well(): Promise<void> {
    for (const end = performance.now() + READY_MS; ; await delay(LOOK_MS)) {
      const answer = await fetch(`${url}/_relay/ready`).catch(() => undefined);
      await answer?.text();
      if (answer?.ok && existsSync(readyFile)) return; // the gateway answers before a relay runs
      if (performance.now() > end) throw new Error(`up is not ready; see ${join(dir, "up.log")}`);
    }
  }

  await well();
  const children = Object.entries(CHILDREN).map(([name, text]) =>
    childOf(name, () => (up.pid() === undefined ? undefined : childWith(up.pid() ?? 0, text)), well),
  );
  const home = scope.move();
  return {
    versions: { "runner-relay": packageFile.version, "nats-server": await brokerVersion() },
    settings: "`up` as it comes, without sessions and console; under a supervisor that starts it again",
    url: () => url,
    parts: [{ ...up, ready: well }, ...children],
    links: [],
    own: [...jumpsOf(clock), ...(disk?.troubles(well) ?? [])],
    dead: () => deadIn(dataDir, readyFile),
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

/** A process that `up` starts again. */
function childOf(name: string, pid: () => number | undefined, well: () => Promise<void>): Part {
  const send = (signal: NodeJS.Signals): void => {
    const found = pid();
    if (found !== undefined) process.kill(found, signal);
  };
  return {
    name,
    kill9: async () => send("SIGKILL"),
    signal: send,
    ready: well,
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

async function deadIn(dataDir: string, readyFile: string): Promise<Set<string>> {
  const { nats } = JSON.parse(readFileSync(readyFile, "utf8")) as ReadyInfo;
  const password = readKept(dataDir).passwords["operator"] ?? "";
  const access = { servers: [nats], user: "operator", password };
  const connection = await connectBroker(access, { name: "rounds", inboxPrefix: OPERATOR_INBOX });
  try {
    return await deadMarkers(connection);
  } finally {
    await connection.close();
  }
}
