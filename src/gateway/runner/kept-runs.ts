import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { readKeptFileSync } from "../../shared/base/short-file.ts";
import type { KeptRuns } from "./runs.ts";

/** Longest file that is read: eight times the usual 10,000 runs of 100 B. */
const MOST_BYTES: number = 8 * 1024 * 1024;

/** The runs of a gateway in a file of the data folder. A poll brings at most one run, so the file is written seldom. */
export function keptRuns(dataDir: string, gateway: string, logger: Logger): KeptRuns {
  const file = join(dataDir, `gateway-${sessionToken(gateway)}.runs.json`);
  return {
    read() {
      try {
        const value: unknown = JSON.parse(readKeptFileSync(file, MOST_BYTES));
        return Array.isArray(value) ? value.filter(isPair) : [];
      } catch {
        return []; // there is none yet, or a crash cut it off: the coordinator is asked again
      }
    },
    write(runs) {
      try {
        replaceFile(file, JSON.stringify(runs));
      } catch (error) {
        logger.warn({ err: errorText(error) }, "runs could not be written to the data folder");
      }
    },
  };
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "string");
}
