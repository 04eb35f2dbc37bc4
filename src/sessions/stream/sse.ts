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
  connection: "close",
};

export type StreamDeps = FollowDeps & {
  /** Aborts when this process stops. */
  stopping: AbortSignal;
};

export type SseOptions = {
  /** The session's name in subjects. */
  session: string;
  start: Start;
  /** Aborts when the credential does not count any more. */
  ended: AbortSignal;
  /** More headers. */
  headers?: Record<string, OutgoingHttpHeader | undefined>;
};

/** Answers with a session's events as an SSE stream until there is a reason to end. Never rejects. */
export async function streamSse(
  deps: StreamDeps,
  response: ServerResponse,
  options: SseOptions,
): Promise<{ why: Closing; error?: unknown }> {
  const { clock, stopping } = deps;
  using ending = createEnding({ stopping, ended: options.ended });
  const gone = (): void => ending.end("gone");
  response.once("close", gone);
  response.on("error", gone);
  if (response.destroyed) gone();
  response.writeHead(200, { ...HEADERS, ...options.headers });
  response.write(retryLine(RETRY_MS));
  const outlet = sseOutlet(response, clock);
  const stopBeat = beat(response, clock);
  let last = 0;
  const sent = (seq: number): void => void (last = seq);
  try {
    const { session, start } = options;
    const send = (item: Sent): boolean => outlet.send(sseFrame(item));
    const why = await follow(deps, { session, start, send, outlet, signal: ending.signal, sent });
    const closing = ending.why() ?? why;
    endWith(response, closing, last, clock);
    return { why: closing };
  } catch (error) {
    endWith(response, "failed", last, clock);
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

function endWith(response: ServerResponse, why: Closing, last: number, clock: Clock): void {
  if (why === "gone" || why === "stuck") return void response.destroy();
  if (why === "stopping") response.write(retryLine(RETRY_STOPPING_MS));
  // after a failure nothing is said: a browser whose stream only ends comes back by itself
  response.end(why === "failed" ? undefined : sseBytes(Buffer.from(closedJson(why, last))));
  const cancel = clock.after(LINGER_MS, () => response.destroy());
  response.once("close", cancel);
}
