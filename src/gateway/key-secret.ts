import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { errorText } from "../shared/errors.ts";
import type { Logger } from "../shared/logger.ts";

const FILE = "event-keys.secret";
/** 32 bytes in hexadecimal digits: as long as the digest that it keys. */
const SECRET = /^[0-9a-f]{64}$/;

/**
 * The secret behind the ids of events with an `Idempotency-Key` (ADR 0018). All gateways of a data folder share it, and it outlives them: a
 * retry after a gateway's death gets the id of the first try. Where it cannot be kept, keys hold for this process's life, and the log says so.
 */
export function keptKeySecret(dataDir: string, logger: Logger): string {
  const file = join(dataDir, FILE);
  try {
    const kept = read(file);
    if (kept !== undefined && SECRET.test(kept)) return kept;
    if (kept !== undefined) {
      logger.warn(
        { file },
        "the secret of Idempotency-Keys is damaged: retries of before are not recognised",
      );
      rmSync(file);
    }
    return make(dataDir, file);
  } catch (error) {
    logger.warn(
      { file, err: errorText(error) },
      "the secret of Idempotency-Keys cannot be kept: a retry after a restart is not recognised",
    );
    return newSecret();
  }
}

/** Whole or not at all, and the first gateway's where two start at once. */
function make(dataDir: string, file: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const half = `${file}.${process.pid}`;
  const descriptor = openSync(half, "w", 0o600);
  const secret = newSecret();
  try {
    writeFileSync(descriptor, `${secret}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(half, file);
    return secret;
  } catch {
    const other = read(file);
    if (other !== undefined && SECRET.test(other)) return other;
    renameSync(half, file); // a file system without hard links
    return secret;
  } finally {
    rmSync(half, { force: true });
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function newSecret(): string {
  return randomBytes(32).toString("hex");
}
