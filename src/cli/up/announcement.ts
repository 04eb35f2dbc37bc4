import { replaceFile } from "../../shared/base/atomic-file.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { ReadyInfo } from "./kept.ts";

/** Writes files that say where everything is, for programs. */
export type Announcement = {
  /** Writes them for the first time. Throws `data_unusable`, because without them no program could find what runs. */
  first(info: ReadyInfo): void;
  /**
   * A child runs again, perhaps at another address. Nothing is written before the first time, or if nothing has changed. A failure is logged only, because
   * a full disk must not end what runs.
   */
  again(info: Partial<ReadyInfo>): void;
};

export function createAnnouncement(files: readonly string[], log: Logger): Announcement {
  let written: string | undefined;
  const write = (text: string): void => {
    for (const file of files) place(file, `${text}\n`);
    written = text;
  };
  return {
    first: (info) => write(JSON.stringify(info)),
    again(info) {
      const text = JSON.stringify(info);
      if (written === undefined || written === text) return;
      try {
        write(text);
      } catch (error) {
        log.error(
          { files, err: errorText(error) },
          "the files that say where everything is cannot be written",
        );
      }
    },
  };
}

function place(file: string, text: string): void {
  try {
    replaceFile(file, text);
  } catch (cause) {
    throw codedError("data_unusable", `${file} cannot be written: ${errorText(cause)}`, { cause });
  }
}
