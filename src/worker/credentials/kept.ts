import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { makeOwnFolder } from "../../shared/base/own-folder.ts";
import type { KeptFile } from "./google.ts";

/** Google's files, one folder for each session: programs that Google's users gave access read them between turns as well, and would ask for a login without them. */
export type KeptFolders = {
  /** The session's. */
  of(session: string): string;
  /** Throws the file system's errors. */
  write(session: string, file: KeptFile): void;
  /** Sessions that have one. */
  sessions(): string[];
  forget(session: string): void;
};

const SESSION = /^[\w-]+$/;

/** `above`: the folder that holds them. `session`: the name of a session in the log, which is a word. */
export function openKept(above: string): KeptFolders {
  const of = (session: string): string => join(above, session);
  return {
    of,
    write(session, { name, text }) {
      makeOwnFolder(of(session));
      replaceFile(join(of(session), name), text);
    },
    sessions() {
      try {
        return readdirSync(above).filter((name) => SESSION.test(name)); // others are not ours
      } catch {
        return []; // there never was one
      }
    },
    forget: (session) => rmSync(of(session), { recursive: true, force: true }),
  };
}
