import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import type { AgentProcess, SpawnAgent } from "../agent.ts";
import type { SdkProcess } from "./sdk.ts";

/** Most characters that are kept of what the CLI says beside its messages: the end says what went wrong. */
const MOST_STDERR = 2000;

/** A child under the worker's guard, as a process that the SDK may use at once. */
export type Spawned = {
  process: SdkProcess;
  /** Asks it to end, and kills it after `graceMs`. */
  stop(graceMs?: number): void;
  /** The end of what it said on stderr. */
  stderr(): string;
  ended: Promise<number | null>;
};

/** Starts a program; where that fails, the process has an error. */
export function spawnNow(
  spawn: SpawnAgent,
  command: { file: string; args: readonly string[]; env: Record<string, string> },
): Spawned {
  const events = new EventEmitter();
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const ended = Promise.withResolvers<number | null>();
  let child: AgentProcess | undefined;
  let last = "";
  let stopped = false;
  let grace: number | undefined;
  const process: SdkProcess = {
    stdin,
    stdout,
    killed: false,
    exitCode: null,
    kill() {
      process.killed = true;
      stop();
      return true;
    },
    on: (event, listener) => events.on(event, listener),
    once: (event, listener) => events.once(event, listener),
    off: (event, listener) => events.off(event, listener),
  };
  function stop(graceMs?: number): void {
    [stopped, grace] = [true, graceMs];
    child?.stop(graceMs);
  }
  function over(code: number | null, signal: NodeJS.Signals | null): void {
    process.exitCode = code;
    ended.resolve(code);
    events.emit("exit", code, signal);
  }
  spawn(command).then(
    (it) => {
      child = it;
      stdin.pipe(it.stdin);
      it.stdout.pipe(stdout);
      it.stderr.setEncoding("utf8").on("data", (text: string) => (last = (last + text).slice(-MOST_STDERR)));
      void it.ended.then(({ code, signal }) => over(code, signal));
      if (stopped) it.stop(grace);
    },
    (error: unknown) => {
      stdout.end();
      if (events.listenerCount("error") > 0) events.emit("error", error);
      over(null, null);
    },
  );
  return { process, stop, stderr: () => last, ended: ended.promise };
}
