import type { WebSocket } from "@fastify/websocket";
import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";
import { createFrameRate, pauseBehind } from "./frame-rate.ts";

/** Frames that wait behind the one that is carried out. Then nothing more is read from the socket. */
const MOST_WAITING = 16;
/** The same in bytes. */
const MOST_WAITING_BYTES: number = 1024 * 1024;

/**
 * Has a socket's frames handled one after the other, in their order. `flood` is called once too many
 * come, pings and pongs counted; `alive` with each that counts. `handle` does not reject.
 */
export function readFrames(
  socket: WebSocket,
  deps: { clock: Clock; signal: AbortSignal },
  on: { handle: (bytes: Buffer, isText: boolean) => Promise<void>; alive: () => void; flood: () => void },
): void {
  const { signal } = deps;
  const rate = createFrameRate(() => deps.clock.now());
  const waiting: { bytes: Buffer; isText: boolean }[] = [];
  let waitingBytes = 0;
  let handling = false;

  function counts(): boolean {
    if (signal.aborted) return false;
    if (rate.take()) {
      on.alive();
      return true;
    }
    socket.pause();
    on.flood();
    return false;
  }

  async function handleAll(): Promise<void> {
    if (handling) return;
    handling = true;
    for (let frame = waiting.shift(); frame !== undefined && !signal.aborted; frame = waiting.shift()) {
      waitingBytes -= frame.bytes.length;
      await on.handle(frame.bytes, frame.isText);
      const pause = pauseBehind(frame.bytes.length);
      if (pause > 0) await rest(deps.clock, pause, signal);
    }
    handling = false;
    if (socket.isPaused && !signal.aborted) socket.resume();
  }

  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (!counts()) return;
    waiting.push({ bytes: data, isText: !isBinary });
    waitingBytes += data.length;
    if (waiting.length >= MOST_WAITING || waitingBytes >= MOST_WAITING_BYTES) socket.pause();
    void handleAll();
  });
  socket.on("ping", (data: Buffer) => {
    if (counts()) socket.pong(data);
  });
  socket.on("pong", counts);
}
