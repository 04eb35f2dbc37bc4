import { resolve } from "node:path";
import { lockFolder } from "../../embedded/lock.ts";
import { refuseRemnant } from "../../shared/base/data-folder.ts";
import { pageTokenOf } from "../../shared/http/door/page-token.ts";
import { createAnnouncement, type Announcement } from "./announcement.ts";
import type { Base } from "./asked.ts";
import { makeFolder, removeFile, runningFile } from "./kept.ts";
import { checkReadyFile } from "./ready-file.ts";

/** The data folder, which no other `up` uses now. */
export type Claim = {
  /** Token of the page and of the relay's `/status`. */
  pageToken: string;
  announcement: Announcement;
  /** Nothing is ready any more. */
  removeReadyFiles(): void;
};

/** Makes and locks the data folder until the scope ends. Throws `data_unusable`, `data_locked` and `config_invalid`. */
export function claimFolder({ values, dataDir, secrets, log }: Base, scope: AsyncDisposableStack): Claim {
  refuseRemnant(dataDir);
  makeFolder(dataDir);
  if (values.readyFile !== undefined) checkReadyFile(values.readyFile);
  scope.defer(lockFolder(resolve(dataDir)));
  const files = [runningFile(dataDir), ...(values.readyFile === undefined ? [] : [values.readyFile])];
  const removeReadyFiles = (): void => {
    for (const file of files) removeFile(file);
  };
  removeReadyFiles(); // not earlier: until the folder is locked they may belong to another `up`
  const pageToken = pageTokenOf(values.pageToken, dataDir); // it must be there before a relay looks for it
  secrets.add(pageToken);
  return { pageToken, announcement: createAnnouncement(files, log), removeReadyFiles };
}
