import { join } from "node:path";
import { replaceFile } from "../shared/base/atomic-file.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import { portIn } from "../shared/base/port-number.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { readKeptFileSync } from "../shared/base/short-file.ts";

/** The port that a gateway keeps over restarts, because running agents hold its URL. */
export type KeptPort = { read(): number | undefined; keep(port: number): void };

/** One small file per gateway in the data folder. `keep` throws `data_unusable` if it cannot be written there. */
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
        replaceFile(file, `${port}\n`);
      } catch (cause) {
        throw codedError("data_unusable", `${file} cannot be written: ${errorText(cause)}`, { cause });
      }
    },
  };
}
