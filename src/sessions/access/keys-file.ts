import type { Clock } from "../../shared/base/clock.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { readShortFileSync } from "../../shared/base/short-file.ts";
import { watchFiles } from "../../shared/base/watch-files.ts";
import { parseKeys, type Key } from "./keys.ts";

/** How often the file is looked at. A removed key ends its streams within 5 s: at most three looks, and the time to end them. */
const LOOK_MS = 1000;

/** Reads the file of keys at the start. Throws `config_invalid` with every line that cannot be used. */
export function readKeysFile(file: string, name = "RUNNER_RELAY_SESSIONS_KEYS_FILE"): Key[] {
  let text: string;
  try {
    text = readShortFileSync(file);
  } catch (cause) {
    throw codedError("config_invalid", `${name}: ${errorText(cause)}`, { cause });
  }
  const { keys, problems } = parseKeys(text);
  if (problems.length > 0)
    throw codedError("config_invalid", problems.map((it) => `${file}: ${it}`).join("\n"));
  return keys;
}

/**
 * Reads the file again whenever it changes. Lines that cannot be used are left out and named in the log, so that a mistake in one line neither keeps
 * a removed key alive nor shuts out the others. A file that cannot be read changes nothing. Returns what stops it.
 */
export function followKeysFile(
  file: string,
  deps: { clock: Clock; log: Logger; replace: (keys: Key[]) => void; everyMs?: number },
): () => void {
  const { clock, log, replace, everyMs = LOOK_MS } = deps;
  function changed(): void {
    try {
      const { keys, problems } = parseKeys(readShortFileSync(file));
      replace(keys);
      log.info({ file, keys: keys.length }, "keys read again");
      if (problems.length > 0) log.error({ file, problems }, "lines of the keys file cannot be used");
    } catch (error) {
      log.error({ file, reason: errorText(error) }, "keys file cannot be read; the keys stay as they were");
    }
  }
  return watchFiles([file], { clock, everyMs, changed });
}
