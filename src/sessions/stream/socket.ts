import type { WebSocket } from "@fastify/websocket";
import type { Clock } from "../../shared/base/clock.ts";
import type { Fields } from "./action.ts";
import { CLOSE_CODES, createEnding, type Closing, type Ending } from "./closing.ts";
import { STUCK_MS } from "./follow.ts";
import { closedJson } from "./frame.ts";
import type { Outlet } from "./outlet.ts";
import { createSocketEvents } from "./socket-events.ts";
import { readFrames } from "./socket-frames.ts";
import { lookAfter } from "./socket-life.ts";
import { socketOutlet } from "./socket-outlet.ts";
import { createRequests, type Act } from "./socket-requests.ts";
import type { StreamDeps } from "./sse.ts";
import type { Start } from "./start.ts";

// socket-frames.ts hands over a client's frames one after the other, frame-rate.ts says how many may come · action.ts reads one, socket-requests.ts carries it out ·
// socket-events.ts sends what the log has (follow.ts), socket-outlet.ts to a client that may be slow · socket-life.ts notices clients that are gone or idle ·
// closing.ts has the reasons for an end

export type SocketOptions = {
  /** The session's name in subjects. */
  session: string;
  /** Where its events begin; without it they begin with the first `resume` or `execute`. */
  start: Start | undefined;
  /** Aborts when the credential does not count any more. */
  ended: AbortSignal;
  act: Act;
};

/** How long a client may take for its part of the end. */
const LINGER_MS = 2000;

/** Serves a session's socket until there is a reason to end. Never rejects. `error`: why it failed. */
export async function serveSocket(
  deps: StreamDeps,
  socket: WebSocket,
  options: SocketOptions,
): Promise<{ why: Closing; error?: unknown }> {
  const { clock, stopping } = deps;
  using ending = createEnding({ stopping, ended: options.ended });
  const { signal } = ending;
  let failure: { error?: unknown } = {};
  const failed = (error: unknown): void => {
    if (signal.aborted) return; // what waited for the broker was told to end
    failure = { error };
    ending.end("failed");
  };
  socket.on("error", () => ending.end("gone"));
  socket.once("close", () => ending.end("gone"));
  const outlet = socketOutlet(socket, clock);
  const events = createSocketEvents(deps, { session: options.session, outlet, ending, failed });
  const requests = createRequests(options.act, events, createReply(outlet, ending));
  const life = lookAfter(socket, clock, {
    watches: () => events.watching(),
    gone: () => ending.end("gone"),
    idle: () => ending.end("idle"),
  });
  readFrames(
    socket,
    { clock, signal },
    {
      async handle(bytes, isText) {
        life.used();
        await requests(bytes, isText).catch(failed);
      },
      alive: () => life.heard(),
      flood: () => ending.end("flood"),
    },
  );
  if (options.start !== undefined) await events.begin(options.start);
  await aborted(signal);
  life.stop();
  await events.stop();
  const why = ending.why() ?? "gone";
  endWith(socket, why, events.last(), clock);
  return { why, ...failure };
}

/** Sends replies. Waits while the client does not take them, and then no frame of it is carried out. */
function createReply(outlet: Outlet, ending: Ending): (fields: Fields) => Promise<void> {
  const { signal } = ending;
  return async (fields) => {
    if (signal.aborted || outlet.send(Buffer.from(JSON.stringify({ type: "reply", ...fields })))) return;
    if (!(await outlet.drained(STUCK_MS, signal))) ending.end("stuck");
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function endWith(socket: WebSocket, why: Closing, last: number, clock: Clock): void {
  if (socket.readyState === socket.OPEN) {
    if (why === "gone" || why === "stuck") return socket.terminate();
    socket.send(closedJson(why, last));
    socket.close(CLOSE_CODES[why], why);
  }
  // a frame that breaks the protocol was answered by the library, which is closing it
  const cancel = clock.after(LINGER_MS, () => socket.terminate());
  socket.once("close", cancel);
}
