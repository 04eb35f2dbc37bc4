import type { SecretRegistry } from "../base/logger.ts";
import { readShortFile } from "../base/short-file.ts";

/** A secret that may be rotated in its file. */
export interface Secret {
  /** The newest good value; `problem` says why the file's present content is not it. Never rejects. */
  read(): Promise<SecretRead>;
  /** Whether it can change without a restart. */
  readonly rotates: boolean;
}
type SecretRead = { value: string; problem?: string };

/**
 * A secret from settings: `value` as read at the start, and `file` if it came from one. The file is read whole every time, by path, so
 * that editing, renaming over it and swapping a symlink (Kubernetes) are all seen. A file that is missing, empty or fails `check` in
 * the middle of a rotation changes nothing.
 */
export function createSecret(options: {
  value: string;
  file: string | undefined;
  secrets: SecretRegistry;
  /** What is wrong with a text, without quoting it. */
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
