import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { placeSecret } from "../../shared/http/door/secret-file.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { readKeptFileSync } from "../../shared/base/short-file.ts";

const FILE = "event-keys.secret";
/** 32 bytes in hexadecimal digits: as long as the digest that it keys. */
const SECRET = /^[0-9a-f]{64}$/;

/**
 * The secret behind the ids of events with an `Idempotency-Key` (ADR 0018). All gateways of a data folder share it, and it outlives them: a
 * retry after a gateway's death gets the id of the first try. If it cannot be kept, keys are valid only until this process ends, and a warning is logged.
 */
export function keptKeySecret(dataDir: string, logger: Logger): string {
  const file = join(dataDir, FILE);
  try {
    const kept = textOf(file);
    if (kept !== undefined && SECRET.test(kept)) return kept;
    if (kept !== undefined)
      logger.warn(
        { file },
        "the secret for Idempotency-Keys is damaged; retries of earlier events will not be recognized",
      );
    return placeSecret(dataDir, FILE, newKeySecret(), secretIn);
  } catch (error) {
    logger.warn(
      { file, err: errorText(error) },
      "the secret for Idempotency-Keys cannot be saved; a retry after a restart will not be recognized",
    );
    return newKeySecret();
  }
}

function secretIn(file: string): string | undefined {
  const text = textOf(file);
  return text !== undefined && SECRET.test(text) ? text : undefined;
}

/** The text of the file. Undefined if there is no file, and empty if something else is in its place. */
function textOf(file: string): string | undefined {
  try {
    return readKeptFileSync(file).trim();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    if (error.code === "ENOENT") return undefined;
    if (error.code === "EINVAL") return "";
    throw error;
  }
}

function newKeySecret(): string {
  return randomBytes(32).toString("hex");
}
