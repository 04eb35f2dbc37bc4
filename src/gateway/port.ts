import { join } from "node:path";
import { replaceFile } from "../shared/atomic-file.ts";
import { codedError, errorText } from "../shared/errors.ts";
import { portIn } from "../shared/port-number.ts";
import { sessionToken } from "../shared/session-id.ts";
import { readKeptFileSync } from "../shared/short-file.ts";
import { makeOwnFolder } from "../shared/own-folder.ts";

/** The port that a gateway keeps over restarts, because running agents hold its URL. */
export type KeptPort = { read(): number | undefined; keep(port: number): void };

/** One small file per gateway in the data folder (0700: it may be created here). */
export function createKeptPort(dataDir: string, gateway: string): KeptPort {
  const file = join(dataDir, `gateway-${sessionToken(gateway)}.port`);
  return {
    read() {
      try {
        return portIn(readKeptFileSync(file));
      } catch {
        return undefined; // first start
      }
    },
    keep(port) {
      try {
        makeOwnFolder(dataDir);
        replaceFile(file, `${port}\n`);
      } catch (cause) {
        throw codedError("data_unusable", `${file} cannot be written: ${errorText(cause)}`, { cause });
      }
    },
  };
}
