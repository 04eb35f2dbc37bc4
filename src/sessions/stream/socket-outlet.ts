import type { WebSocket } from "@fastify/websocket";
import type { Clock } from "../../shared/base/clock.ts";
import { createTap, OUTLET_BYTES, type Outlet } from "./outlet.ts";

/** Sends text frames. */
export function socketOutlet(socket: WebSocket, clock: Clock): Outlet {
  const full = (): boolean => socket.bufferedAmount >= OUTLET_BYTES;
  const tap = createTap(clock, full);
  const left = (): void => {
    if (!full()) tap.open();
  };
  return {
    send(bytes) {
      socket.send(bytes, { binary: false }, left);
      return !full();
    },
    drained: (ms, signal) => tap.drained(ms, signal),
  };
}
