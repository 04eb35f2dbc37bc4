import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../shared/atomic-file.ts";
import { sessionToken } from "../shared/session-id.ts";

/** The port that a gateway keeps over restarts, because running agents hold its URL. */
export type KeptPort = { read(): number | undefined; keep(port: number): void };

/** One small file per gateway in the data folder (0700: it may be created here). */
export function createKeptPort(dataDir: string, gateway: string): KeptPort {
  const file = join(dataDir, `gateway-${sessionToken(gateway)}.port`);
  return {
    read() {
      let text: string;
      try {
        text = readFileSync(file, "utf8");
      } catch {
        return undefined; // first start
      }
      const port = Number(text.trim());
      return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
    },
    keep(port) {
      mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      replaceFile(file, `${port}\n`);
    },
  };
}
