import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The environment of a command. Nothing else of ours is passed on, because it may contain credentials. */
export type CommandEnv = Record<string, string>;

/**
 * Runs a command to its end and returns its output, standard output first. Rejects with one line: the command's last line, or that it took too long or
 * could not be started.
 */
export function runCommand(
  file: string,
  args: readonly string[],
  options: { env: CommandEnv; timeoutMs: number; cwd?: string },
): Promise<string> {
  const { env, timeoutMs, cwd } = options;
  const settings = { env, timeout: timeoutMs, encoding: "utf8", maxBuffer: 16 * 1024 * 1024 } as const;
  return new Promise((done, fail) => {
    execFile(file, args, cwd === undefined ? settings : { ...settings, cwd }, (error, stdout, stderr) => {
      if (error === null) return done(stdout + stderr);
      const last = stderr.trim().split("\n").at(-1);
      const why = error.killed ? `took longer than ${timeoutMs / 1000} s` : last || error.message;
      fail(new Error(`${file}: ${why}`));
    });
  });
}

/** The first executable file with this name in a `PATH`. */
export function findExecutable(name: string, path: string | undefined): string | undefined {
  return (path ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
