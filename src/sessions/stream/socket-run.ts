import type { WebSocket } from "@fastify/websocket";
import type { Clock } from "../../shared/base/clock.ts";
import { createEnding, type Closing, type Ending } from "./closing.ts";
import { STUCK_MS } from "./follow.ts";
import type { Outlet } from "./outlet.ts";
import { readFrames } from "./socket-frames.ts";
import { lookAfter } from "./socket-life.ts";
import { socketOutlet } from "./socket-outlet.ts";

/** What a protocol has of its socket. */
export type SocketSide = {
  outlet: Outlet;
  ending: Ending;
  /** Sends a frame as JSON. Waits while the client does not take it, and then no frame of it is handled. */
  say: (frame: object) => Promise<void>;
  /** Ends the socket, because of what nobody expects. */
  failed: (error: unknown) => void;
};

/** What is spoken on a socket. */
export type SocketProtocol = {
  /** Nothing of the client is handled before this is done. */
  begin(): Promise<void>;
  handle(bytes: Buffer, isText: boolean): Promise<void>;
  /** Does the client wait for events? Then it is not idle. */
  watching(): boolean;
  stop(): Promise<void>;
  /** The end of a socket that is open. `text`: the last frame before it. */
  farewell(why: Closing): { text?: string; code: number; reason: string };
};

/** How long a client may take for its part of the end. */
const LINGER_MS = 2000;

/** Serves a socket until there is a reason to end. Never rejects. `error`: why it failed. `ended`: aborts when the credential does not count any more. */
export async function runSocket(
  { clock, stopping }: { clock: Clock; stopping: AbortSignal },
  socket: WebSocket,
  ended: AbortSignal,
  make: (side: SocketSide) => SocketProtocol,
): Promise<{ why: Closing; error?: unknown }> {
  using ending = createEnding({ stopping, ended });
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
  const protocol = make({ outlet, ending, failed, say: createSay(outlet, ending) });
  const begun = protocol.begin().catch(failed);
  const life = lookAfter(socket, clock, {
    watches: () => protocol.watching(),
    gone: () => ending.end("gone"),
    idle: () => ending.end("idle"),
  });
  readFrames(
    socket,
    { clock, signal },
    {
      async handle(bytes, isText) {
        life.used();
        await begun;
        if (!signal.aborted) await protocol.handle(bytes, isText).catch(failed);
      },
      alive: () => life.heard(),
      flood: () => ending.end("flood"),
    },
  );
  await aborted(signal);
  life.stop();
  await begun;
  await protocol.stop();
  const why = ending.why() ?? "gone";
  close(socket, why, protocol, clock);
  return { why, ...failure };
}

function createSay(outlet: Outlet, ending: Ending): SocketSide["say"] {
  const { signal } = ending;
  return async (frame) => {
    if (signal.aborted || outlet.send(Buffer.from(JSON.stringify(frame)))) return;
    if (!(await outlet.drained(STUCK_MS, signal))) ending.end("stuck");
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function close(socket: WebSocket, why: Closing, protocol: SocketProtocol, clock: Clock): void {
  if (socket.readyState === socket.OPEN) {
    if (why === "gone" || why === "stuck") return socket.terminate();
    const { text, code, reason } = protocol.farewell(why);
    if (text !== undefined) socket.send(text);
    socket.close(code, reason);
  }
  // a frame that breaks the protocol was answered by the library, which is closing it
  const cancel = clock.after(LINGER_MS, () => socket.terminate());
  socket.once("close", cancel);
}
