import type { WebSocket } from "@fastify/websocket";
import { CLOSE_CODES, type Closing } from "./closing.ts";
import { closedJson } from "./frame.ts";
import { createSocketEvents } from "./socket-events.ts";
import { createRequests, type Act } from "./socket-requests.ts";
import { runSocket } from "./socket-run.ts";
import type { StreamDeps } from "./sse.ts";
import type { Start } from "./start.ts";

// socket-run.ts is what every protocol has of a socket: socket-frames.ts hands over a client's frames one after the other, frame-rate.ts says how many may come, socket-outlet.ts sends to a
// client that may be slow, socket-life.ts notices clients that are gone or idle, closing.ts has the reasons for an end · action.ts reads a frame, socket-requests.ts carries it out ·
// socket-events.ts sends what the log has (follow.ts)

export type SocketOptions = {
  /** The session's name in subjects. */
  session: string;
  /** Where its events begin; without it they begin with the first `resume` or `execute`. */
  start: Start | undefined;
  /** Aborts when the credential does not count any more. */
  ended: AbortSignal;
  act: Act;
};

/** Serves a session's socket until there is a reason to end. Never rejects. `error`: why it failed. */
export function serveSocket(
  deps: StreamDeps,
  socket: WebSocket,
  { session, start, ended, act }: SocketOptions,
): Promise<{ why: Closing; error?: unknown }> {
  return runSocket(deps, socket, ended, ({ outlet, ending, say, failed }) => {
    const events = createSocketEvents(deps, { session, outlet, ending, failed });
    return {
      begin: async () => (start === undefined ? undefined : await events.begin(start)),
      handle: createRequests(act, events, (fields) => say({ type: "reply", ...fields })),
      watching: () => events.watching(),
      stop: () => events.stop(),
      farewell: (why) => ({ text: closedJson(why, events.last()), code: CLOSE_CODES[why], reason: why }),
    };
  });
}
