import { join } from "node:path";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { readShortFile } from "../../shared/base/short-file.ts";
import type { RunnerToken } from "./transport.ts";

/** Longest token, with the line end that editors add. */
const MOST_BYTES = 4096;
const TOKEN = /^[\x21-\x7e]+$/;

/** Tokens out of a folder: `<folder>/<user>/<session>`, read with each call. What is not there is no token, and what cannot be used is none and said in the log, without its text. */
export function tokensIn(folder: string, log: Logger): RunnerToken {
  return async ({ user, session }) => {
    try {
      const token = (await readShortFile(join(folder, user, session), MOST_BYTES)).trim();
      if (TOKEN.test(token)) return token;
      log.warn({ session }, "the file of a runner's token holds no token");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ENOTDIR")
        log.warn({ session, err: errorText(error) }, "the file of a runner's token cannot be read");
    }
    return undefined;
  };
}
