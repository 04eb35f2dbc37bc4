import type { OutgoingHttpHeader, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import { createEnding, type Closing } from "./closing.ts";
import { follow, type FollowDeps, type Sent } from "./follow.ts";
import { closedJson, sseFrame } from "./frame.ts";
import { createTap, type Outlet } from "./outlet.ts";
import { HEARTBEAT, retryLine, sseBytes } from "./sse-bytes.ts";
import type { Start } from "./start.ts";

// start.ts says where a stream begins · follow.ts sends what the log has from there on, frame.ts as bytes, outlet.ts to a client that may be slow · closing.ts has the reasons for an end

/** Silence after which a proxy or client could take the stream for dead: many give up at 30 s or more. */
const HEARTBEAT_MS = 15_000;
/** How long a browser waits before it comes back. Its own default is 3 to 5 s. */
const RETRY_MS = 500;
/** The same when this server stops: another one is there, or the next run is about to be. */
const RETRY_STOPPING_MS = 50;
/** How long the last words may take to leave. */
const LINGER_MS = 2000;

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  // nginx would collect the stream otherwise
  "x-accel-buffering": "no",
};

export type StreamDeps = FollowDeps & {
  /** Aborts when this process stops. */
  stopping: AbortSignal;
};

/** How a protocol writes its stream. */
export type SseForm = {
  frames(item: Sent): readonly Uint8Array[];
  /** The last words, if there are any. `last`: the newest event that was sent. */
  closed(why: Closing, last: number): Uint8Array | undefined;
};

const NATIVE: SseForm = {
  frames: (item) => [sseFrame(item)],
  closed: (why, last) => sseBytes(Buffer.from(closedJson(why, last))),
};

export type SseOptions = {
  /** The session's name in subjects. */
  session: string;
  start: Start;
  /** Aborts when the credential does not count any more. */
  ended: AbortSignal;
  /** More headers. */
  headers?: Record<string, OutgoingHttpHeader | undefined>;
  /** Default: our own. */
  form?: SseForm;
  /** Aborts when everything that was asked for is handed to the client. */
  over?: AbortSignal;
};

/** Answers with a session's events as an SSE stream until there is a reason to end. Never rejects. */
export async function streamSse(
  deps: StreamDeps,
  response: ServerResponse,
  options: SseOptions,
): Promise<{ why: Closing; error?: unknown }> {
  const { clock, stopping } = deps;
  const { form = NATIVE } = options;
  using ending = createEnding({ stopping, ended: options.ended });
  const gone = (): void => ending.end("gone");
  options.over?.addEventListener("abort", () => ending.end("over"), { once: true });
  response.once("close", gone);
  response.on("error", gone);
  if (response.destroyed) gone();
  const own = response.req.httpVersionMajor > 1 ? HEADERS : { ...HEADERS, connection: "close" };
  response.writeHead(200, { ...own, ...options.headers });
  response.write(retryLine(RETRY_MS));
  const outlet = sseOutlet(response, clock);
  const stopBeat = beat(response, clock);
  let last = 0;
  const sent = (seq: number): void => void (last = seq);
  try {
    const { session, start } = options;
    const send = (item: Sent): boolean =>
      form.frames(item).reduce((room, bytes) => outlet.send(bytes) && room, true);
    const why = await follow(deps, { session, start, send, outlet, signal: ending.signal, sent });
    const closing = ending.why() ?? why;
    endWith(response, closing, form.closed(closing, last), clock);
    return { why: closing };
  } catch (error) {
    endWith(response, "failed", undefined, clock);
    return { why: "failed", error };
  } finally {
    stopBeat();
  }
}

function sseOutlet(response: ServerResponse, clock: Clock): Outlet {
  const tap = createTap(clock, () => response.writableNeedDrain);
  response.on("drain", () => tap.open());
  return { send: (bytes) => response.write(bytes), drained: (ms, signal) => tap.drained(ms, signal) };
}

/** Writes a comment from time to time, but not behind what the client does not take. */
function beat(response: ServerResponse, clock: Clock): () => void {
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel = clock.after(HEARTBEAT_MS, () => {
      if (!response.writableNeedDrain) response.write(HEARTBEAT);
      wait();
    });
  };
  wait();
  return () => cancel();
}

function endWith(response: ServerResponse, why: Closing, words: Uint8Array | undefined, clock: Clock): void {
  if (why === "gone" || why === "stuck") return void response.destroy();
  if (why === "stopping") response.write(retryLine(RETRY_STOPPING_MS));
  // after a failure nothing is said: a browser whose stream only ends comes back by itself
  response.end(why === "failed" ? undefined : words);
  const cancel = clock.after(LINGER_MS, () => response.destroy());
  response.once("close", cancel);
}
