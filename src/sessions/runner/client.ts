import type { Clock } from "../../shared/base/clock.ts";
import { refuse, type Refusal } from "../access/caller.ts";
import type { RunnerFetch } from "./transport.ts";

/** How long a runner may take to answer as a whole, and how much it may say. A stream is without limit once its head is there. */
export type Limits = { ms: number; bytes: number };

/** For questions that a runner answers out of its memory. */
export const SHORT: Limits = { ms: 10_000, bytes: 1024 * 1024 };
/** For what a task put out, which a runner reads from its disk. */
export const MEDIUM: Limits = { ms: 30_000, bytes: 4 * 1024 * 1024 };
/** A stream in which nothing comes for so long is ended: runners send a comment each 30 s. */
export const IDLE_MS: number = 5 * 60_000;

/** What a runner answered. */
export type RunnerAnswer =
  | { kind: "answer"; status: number; type: string; body: Uint8Array }
  | { kind: "stream"; chunks: AsyncIterable<Uint8Array>; stop(): void };

export type RunnerCall = { method: "GET" | "POST"; body?: Uint8Array; headers?: Record<string, string> };

/** Statuses by which a runner refuses us, and not our client: that one would throw its own key away. */
const REFUSES_US: ReadonlySet<number> = new Set([401, 403, 407]);

/** Calls a runner. `gone`: the client left. */
export async function callRunner(
  deps: { send: RunnerFetch; clock: Clock },
  url: URL,
  { method, body, headers }: RunnerCall,
  { limits, gone }: { limits: Limits; gone: AbortSignal },
): Promise<RunnerAnswer | Refusal> {
  const late = new AbortController();
  const stop = new AbortController();
  const cancel = deps.clock.after(limits.ms, () => late.abort());
  const signal = AbortSignal.any([late.signal, stop.signal, gone]);
  try {
    const response = await deps.send(url, {
      method,
      headers: { accept: "application/json", ...headers },
      signal,
      ...(body === undefined ? {} : { body }),
    });
    const refusal = refusalOf(response.status);
    if (refusal !== undefined) {
      stop.abort();
      return refusal;
    }
    const { status } = response;
    const type = response.headers.get("content-type") ?? "";
    if (/^text\/event-stream\b/i.test(type))
      return { kind: "stream", chunks: chunksOf(response), stop: () => stop.abort() };
    const read = await readWithin(response, limits.bytes);
    if (read === undefined) {
      stop.abort();
      return refuse("runner_answer_invalid", `the runner's answer has more than ${limits.bytes} bytes`);
    }
    return { kind: "answer", status, type, body: read };
  } catch {
    if (late.signal.aborted)
      return refuse("runner_timeout", `the runner did not answer within ${limits.ms / 1000} s`);
    return refuse("runner_unreachable", "the session's runner cannot be reached");
  } finally {
    cancel();
  }
}

/** What a runner's status means for its session's client; undefined if the answer is for that one. Pure. */
function refusalOf(status: number): Refusal | undefined {
  if (REFUSES_US.has(status)) return refuse("runner_refused", `the runner answered us with ${status}`);
  if (status >= 300 && status < 400)
    return refuse("runner_answer_invalid", "the runner answered with a redirect, which is not followed");
  return status >= 500 ? refuse("runner_failed", `the runner answered with ${status}`) : undefined;
}

async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of body ?? []) yield chunk;
}

/** The body; undefined if it is longer. */
async function readWithin(response: Response, most: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(response)) {
    bytes += chunk.length;
    if (bytes > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
