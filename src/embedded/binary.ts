import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { codedError, errorText } from "../shared/errors.ts";
import type { Logger } from "../shared/logger.ts";
import { findExecutable } from "./orphan.ts";
import { isNewEnough, parseServerVersion } from "./version.ts";

const run = promisify(execFile);

export type BrokerEnv = { natsServerBin?: string; path?: string; home?: string; cache?: string };
export type FoundBroker = { path: string; version: string; how: string };

export async function findBroker(options: { env: BrokerEnv; log: Logger }): Promise<FoundBroker> {
  const { env } = options;
  const file =
    env.natsServerBin ?? findExecutable("nats-server", env.path) ?? join(env.cache ?? "", "nats-server");
  try {
    const { stdout } = await run(file, ["--version"], { timeout: 10_000 });
    const version = parseServerVersion(stdout);
    if (version !== undefined && isNewEnough(version)) return { path: file, version, how: "PATH" };
    throw codedError("broker_too_old", `${file}: ${stdout}`);
  } catch (cause) {
    throw codedError("broker_missing", `${file}: ${errorText(cause)}`, { cause });
  }
}
