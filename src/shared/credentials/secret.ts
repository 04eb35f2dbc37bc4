import type { SecretRegistry } from "../base/logger.ts";
import { readShortFile } from "../base/short-file.ts";

/** A secret that may be rotated in its file. */
export interface Secret {
  /** Reads the newest valid value. `problem` says why the current content of the file cannot be used. Never rejects. */
  read(): Promise<SecretRead>;
  /** True if the secret can change without a restart. */
  readonly rotates: boolean;
}
type SecretRead = { value: string; problem?: string };

/**
 * A secret from the settings: `value` as read at the start, and `file` if it came from one. The file is read completely every time, by its path, so that
 * edits, renames and swapped symlinks (Kubernetes) are noticed. A file that is missing, empty or fails `check` during a rotation changes nothing.
 */
export function createSecret(options: {
  value: string;
  file: string | undefined;
  secrets: SecretRegistry;
  /** The problem with a text, without quoting it, or undefined. */
  check?: (text: string) => string | undefined;
}): Secret {
  const { file, secrets, check } = options;
  let { value } = options;
  secrets.add(value);

  async function read(): Promise<SecretRead> {
    if (file === undefined) return { value };
    let text: string;
    try {
      text = (await readShortFile(file)).replace(/\r?\n$/, "");
    } catch (error) {
      return { value, problem: `the secret file ${file} cannot be read (${codeOf(error)})` };
    }
    if (text === value) return { value };
    const wrong = text === "" ? "is empty" : check?.(text);
    if (wrong !== undefined) return { value, problem: `the secret file ${file} ${wrong}` };
    secrets.add(text);
    value = text;
    return { value };
  }

  return { read, rotates: file !== undefined };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
