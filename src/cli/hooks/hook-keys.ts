import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { makeOwnFolder } from "../../shared/base/own-folder.ts";
import { readKeptFileSync } from "../../shared/base/short-file.ts";
import { HOOK_KEYS_FILE, newSecret } from "../../shared/http/door/secret-file.ts";

/** For whom a key was made: an agent's file of settings. */
export type Holder = { agent: string; file: string };

/** Whose sessions they are that hooks report: those of the data folder's own user. */
const USER = "default";

/** A key that was made. Until it is kept, the one that was made before for the same file is valid, too. */
export type MadeKey = { key: string; keep(): void; drop(): void };

/** Makes a key that only /hooks/* of the data folder's sessions server takes. Servers read it within seconds. */
export function makeHookKey(dataDir: string, holder: Holder): MadeKey {
  const key = newSecret();
  const sha256 = createHash("sha256").update(key).digest("hex");
  const line = JSON.stringify({ sha256, user: USER, scopes: ["hooks"], ...holder });
  makeOwnFolder(dataDir);
  const before = linesFor(dataDir, holder);
  write(dataDir, [...before.others, ...before.own, line]);
  return {
    key,
    keep: () => write(dataDir, [...linesFor(dataDir, holder).others, line]),
    drop: () => write(dataDir, [...linesFor(dataDir, holder).others, ...before.own]),
  };
}

/** Takes it back. */
export function removeHookKey(dataDir: string, holder: Holder): void {
  const { others, own } = linesFor(dataDir, holder);
  if (own.length > 0) write(dataDir, others);
  rmSync(headersFile(dataDir, holder), { force: true });
}

/** The file with the headers of a request, for a command that must not show the key. */
export function headersFile(dataDir: string, { agent, file }: Holder): string {
  const name = createHash("sha256").update(file).digest("hex").slice(0, 12);
  return join(dataDir, `hooks-${agent}-${name}.headers`);
}

export function writeHeaders(dataDir: string, holder: Holder, key: string): void {
  replaceFile(headersFile(dataDir, holder), `Authorization: Bearer ${key}\nContent-Type: application/json\n`);
}

function linesFor(dataDir: string, { agent, file }: Holder): { own: string[]; others: string[] } {
  const lines = read(dataDir)
    .split("\n")
    .filter((line) => line.trim() !== "");
  const isOwn = (line: string): boolean => {
    try {
      const it = JSON.parse(line) as Partial<Holder>;
      return it.agent === agent && it.file === file;
    } catch {
      return false;
    }
  };
  return { own: lines.filter(isOwn), others: lines.filter((line) => !isOwn(line)) };
}

function read(dataDir: string): string {
  try {
    return readKeptFileSync(join(dataDir, HOOK_KEYS_FILE));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw codedError("data_unusable", `${join(dataDir, HOOK_KEYS_FILE)}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function write(dataDir: string, lines: readonly string[]): void {
  replaceFile(join(dataDir, HOOK_KEYS_FILE), lines.map((line) => `${line}\n`).join(""), { flush: true });
}
