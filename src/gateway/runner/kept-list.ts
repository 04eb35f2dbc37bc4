import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { readShortFileSync } from "../../shared/base/short-file.ts";

/** Longest file that is read: a few times 2,000 runs of 150 B, which is the longest list of the shield. */
const MOST_BYTES: number = 2 * 1024 * 1024;

/** A list in a file of the data folder, which only its user can read. Anything in it that is not one of our entries is left out. */
export type KeptList<Entry> = { read(): Entry[]; write(all: Entry[]): void };

export function keptList<Entry>(
  place: { dataDir: string; gateway: string; name: string },
  isEntry: (value: unknown) => value is Entry,
  logger: Logger,
): KeptList<Entry> {
  const file = join(place.dataDir, `gateway-${sessionToken(place.gateway)}.${place.name}.json`);
  return {
    read() {
      try {
        const value: unknown = JSON.parse(readShortFileSync(file, MOST_BYTES));
        return Array.isArray(value) ? value.filter(isEntry) : [];
      } catch {
        return []; // there is none yet, or it is damaged: the gateway knows less, and nothing worse happens
      }
    },
    write(all) {
      try {
        replaceFile(file, JSON.stringify(all));
      } catch (error) {
        logger.warn({ err: errorText(error), kept: place.name }, "the shield's state could not be written");
      }
    },
  };
}
