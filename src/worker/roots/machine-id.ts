import { readKeptFileSync } from "../../shared/base/short-file.ts";
import { keepSecret } from "../../shared/http/door/secret-file.ts";

/** Where Linux keeps it. */
const OF_SYSTEM = "/etc/machine-id";
/** Where we keep it on a machine that has none: the data folder, which a container keeps when it is made anew. */
const OWN = "machine-id";

/** Names this machine, the same after every start. Throws `data_unusable` where it has no name and none can be kept. */
export function machineId(dataDir: string, file: string = OF_SYSTEM): string {
  return readId(file) ?? keepSecret(dataDir, OWN);
}

function readId(file: string): string | undefined {
  try {
    const text = readKeptFileSync(file).trim();
    return /^[\da-f]{32}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
