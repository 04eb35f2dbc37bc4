import { isCoded, type ErrorCode } from "./errors.ts";
import { fatalLine, type SecretRegistry } from "./logger.ts";
import type { Lines } from "./output/lines.ts";

/** sysexits' EX_CONFIG: a restart does not help, someone has to change something. */
export const EXIT_CONFIG = 78;
/** sysexits' EX_TEMPFAIL: start again, after `provision` if it says so. */
export const EXIT_RETRY = 75;

/**
 * Makes a function that ends this process because of an error, and says why in its last line on stderr. The exit code is {@link EXIT_CONFIG} for errors
 * that `needSomebody`, and `otherwise` for all others.
 */
export function createFatalExit(deps: {
  /** What the process is called in its log. */
  name: string;
  stderr: Pick<Lines, "write">;
  secrets: SecretRegistry;
  needSomebody: readonly ErrorCode[];
  otherwise: number;
}): (error: unknown) => void {
  const { name, stderr, secrets, needSomebody, otherwise } = deps;
  return function fail(error) {
    const code = isCoded(error) ? error.code : "internal";
    stderr.write(fatalLine(name, error, secrets));
    process.exit(needSomebody.some((known) => known === code) ? EXIT_CONFIG : otherwise);
  };
}
