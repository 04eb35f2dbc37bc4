import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ReadyInfo } from "../../src/cli/up/kept.ts";
import type { ErrorCode } from "../../src/shared/base/errors.ts";

const MAIN = resolve(import.meta.dirname, "../../src/cli/main.ts");
/** What keeps a relay or the broker from starting until somebody decides. */
const REFUSALS: readonly ErrorCode[] = [
  "checkpoint_missing",
  "log_gone",
  "store_damaged",
  "consumer_damaged",
];
/** What `up` says when it is not so any more. */
const HEALED = /broker runs again|everything that it needs again/;
/** A loaded machine takes many times as long as an idle one. */
const PATIENCE_MS = 60_000;

/** Is this line an error of a code that stays until somebody decides? A consumer that `up` makes anew is a warning. */
function isRefusal(line: string): boolean {
  return /"level":[56]0/.test(line) && REFUSALS.some((code) => line.includes(`"code":"${code}"`));
}

/** `up` on a folder that may be damaged. */
export type DamagedUp = {
  /** Undefined if it ended before. */
  ready(): Promise<ReadyInfo | undefined>;
  ended(): boolean;
  /** Of the error that it ended with. */
  code(): string | undefined;
  /** Since when it says that its relay, its broker or its log is not as it must be, and why. */
  refusedMs(): number;
  /** It found that its store is gone, starts no broker on an empty one, and takes no more writes until somebody stops it. It says that once. */
  lost(): boolean;
  /** Its last words. */
  said(): string;
  [Symbol.asyncDispose](): Promise<void>;
};

export function startDamaged(folder: string, coordinatorUrl: string): DamagedUp {
  const readyFile = join(folder, "ready.json");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(readyFile, { force: true });
  const args = ["up", "--data", folder, "--ready-file", readyFile, "--coordinator", coordinatorUrl];
  args.push("--port", "0");
  const { PATH = "", HOME = "" } = process.env;
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH, HOME, RUNNER_RELAY_STATUS_PAGE: "off" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const gone = once(child, "close");
  let said = "";
  let refusedSince = Infinity;
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-20_000);
    appendFileSync(join(folder, "up.log"), chunk); // evidence, if what it did does not hold
    for (const line of chunk.toString().split("\n")) {
      if (isRefusal(line)) refusedSince = Math.min(refusedSince, performance.now());
      else if (HEALED.test(line)) refusedSince = Infinity;
    }
  });
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    async ready() {
      const end = performance.now() + PATIENCE_MS;
      while (!ended() && performance.now() < end) {
        if (existsSync(readyFile)) return JSON.parse(readFileSync(readyFile, "utf8")) as ReadyInfo;
        await delay(50);
      }
      return undefined;
    },
    ended,
    code: () => [...said.matchAll(/^([a-z_]+): /gm)].at(-1)?.[1],
    refusedMs: () => performance.now() - refusedSince,
    lost: () => said.includes('"code":"store_lost"'),
    said: () => said.trim().split("\n").slice(-3).join(" | ").slice(-600),
    async [Symbol.asyncDispose]() {
      if (!ended()) child.kill("SIGTERM");
      const lastResort = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await gone;
      clearTimeout(lastResort);
    },
  };
}
