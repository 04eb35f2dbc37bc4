import { COMMANDS } from "../../src/cli/commands.ts";
import { frame, PLAIN } from "../../src/cli/render/screen.ts";
import { harmless } from "../../src/cli/render/text.ts";
import { runCommandLine } from "../../src/cli/run.ts";
import { learnReach } from "../../src/shared/base/own-command.ts";
import { bareEnv } from "./bare-env.ts";
import type { Finished } from "./up.ts";

/**
 * Runs `runner-relay ARGS` inside this process, to its end: a process of its own takes 0.3 s of processor time. What depends on the process itself (signals,
 * closed streams, the exit) is tested by `runCli`.
 */
export async function runCommand(
  args: string[],
  options: { env?: Record<string, string>; stdin?: Uint8Array } = {},
): Promise<Finished> {
  const { HOME = "" } = process.env;
  const output = { stdout: "", stderr: "" };
  const kept = process.exitCode;
  process.exitCode = undefined; // a command sets it, as in a process of its own
  try {
    const code = await runCommandLine(args, COMMANDS, {
      env: { ...bareEnv(), HOME, ...options.env },
      screen: PLAIN,
      errors: { terminal: false, screen: PLAIN },
      journal: false,
      print: (text) => void (output.stdout += `${harmless(text)}\n`),
      write: (text) => void (output.stdout += harmless(text)),
      redraw: (text) => void (output.stdout += frame(PLAIN, harmless(text), true)),
      mustFinish() {},
      serve() {
        throw new Error("a service is a process of its own: use runCli");
      },
      warn: (text) => void (output.stderr += `${harmless(text)}\n`),
      ask: async () => undefined,
      readStdin: async () => options.stdin ?? new Uint8Array(),
    });
    return { code, ...output };
  } finally {
    process.exitCode = kept;
    learnReach([]); // what this process prints belongs to no data folder
  }
}
