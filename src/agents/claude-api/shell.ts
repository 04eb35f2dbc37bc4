import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Clock } from "../../shared/base/clock.ts";
import type { SpawnAgent } from "../agent.ts";

/** Time limit of a command, and the longest that a model may ask for. */
const USUAL_MS: number = 2 * 60 * 1000;
const MOST_MS: number = 10 * 60 * 1000;
/** Most characters of a command's output that the model gets: the beginning and the end. */
const OUTPUT_CHARS: number = 64 * 1024;
/** How long a command has to end that is stopped, before it is killed: a stop of its turn is over within a second. */
const END_MS = 700;
/** How long is waited for the rest of the output of a command that has ended: something that left it may hold the pipe. */
const DRAIN_MS = 1000;
/** Most processes of the worker's user while a command runs, and no dumps of memory. The system does not count those of its administrator. */
const LIMITS = "ulimit -c 0 2>/dev/null; ulimit -u 2048 2>/dev/null; ";

export type ShellResult = { content: string; isError: boolean };

/** Runs a command in the workspace, with everything that it starts under the worker's guard. */
export async function runShell(
  { spawn, clock, signal }: { spawn: SpawnAgent; clock: Clock; signal: AbortSignal },
  command: string,
  timeoutMs: number = USUAL_MS,
): Promise<ShellResult> {
  const limit = Math.min(Math.max(timeoutMs, 1), MOST_MS);
  const child = await spawn({ file: "/bin/sh", args: ["-c", `${LIMITS}${command}`] });
  child.stdin.end();
  let late = false;
  const stop = (): void => child.stop(END_MS);
  const cancel = clock.after(limit, () => {
    late = true;
    stop();
  });
  signal.addEventListener("abort", stop, { once: true });
  const output = createOutput();
  const read = Promise.all([output.take(child.stdout), output.take(child.stderr)]);
  const { code, signal: killed } = await child.ended;
  cancel();
  await settledWithin(read, { clock, ms: DRAIN_MS });
  signal.removeEventListener("abort", stop);
  const how = late
    ? `\n(stopped after ${limit / 1000} s)`
    : code === 0
      ? ""
      : `\n(${killed === null ? `exit code ${code}` : `ended by ${killed}`})`;
  return { content: `${output.text().trimEnd()}${how}`.trim(), isError: late || code !== 0 };
}

async function settledWithin(
  it: Promise<unknown>,
  { clock, ms }: { clock: Clock; ms: number },
): Promise<void> {
  const late = Promise.withResolvers<void>();
  const cancel = clock.after(ms, () => late.resolve());
  await Promise.race([it, late.promise]);
  cancel();
}

/** Keeps the beginning and the end of what comes, however much that is. */
function createOutput(): { take(stream: Readable): Promise<void>; text(): string } {
  const half = OUTPUT_CHARS / 2;
  let head = "";
  let tail = "";
  let left = 0;
  function add(text: string): void {
    const room = half - head.length;
    head += text.slice(0, room);
    const rest = tail + text.slice(room);
    left += Math.max(0, rest.length - half);
    tail = rest.slice(-half);
  }
  return {
    take: (stream) => finished(stream.setEncoding("utf8").on("data", add)).catch(() => undefined),
    text: () => (left === 0 ? head + tail : `${head}\n(${left} characters left out)\n${tail}`),
  };
}
