import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { readKeptFileSync } from "../../shared/base/short-file.ts";
import type { KeptRunners } from "./known-runners.ts";

/** What a gateway's runners registered, in a file of the data folder. */
export function keptRunners(dataDir: string, gateway: string, logger: Logger): KeptRunners {
  const file = join(dataDir, `gateway-${sessionToken(gateway)}.runners.json`);
  return {
    read() {
      try {
        const value: unknown = JSON.parse(readKeptFileSync(file));
        return Array.isArray(value) ? value.filter(isEntry) : [];
      } catch {
        return []; // there is none yet, or a crash cut it off: runners count as alike until they register again
      }
    },
    write(runners) {
      try {
        replaceFile(file, JSON.stringify(runners));
      } catch (error) {
        logger.warn({ err: errorText(error) }, "runners could not be written to the data folder");
      }
    },
  };
}

type Entry = ReturnType<KeptRunners["read"]>[number];

function isEntry(value: unknown): value is Entry {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== "string") return false;
  const registered: unknown = value[1];
  return (
    typeof registered === "object" &&
    registered !== null &&
    "hostname" in registered &&
    typeof registered.hostname === "string" &&
    "profile" in registered &&
    typeof registered.profile === "string"
  );
}
