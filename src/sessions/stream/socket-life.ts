import type { WebSocket } from "@fastify/websocket";
import type { Clock } from "../../shared/base/clock.ts";

/** How often a client is asked whether it is there. One that said nothing since the time before is gone: a half-open connection shows in no other way. */
const PING_MS = 30_000;
/** A socket that watches nothing and asks for nothing is closed after this time. */
const IDLE_MS: number = 5 * 60_000;

export type SocketLife = {
  /** Something came from the client. */
  heard(): void;
  /** It wants something. */
  used(): void;
  stop(): void;
};

/** Looks after a socket. `watches`: it waits for events, so that it is not idle. */
export function lookAfter(
  socket: WebSocket,
  clock: Clock,
  on: { watches: () => boolean; gone: () => void; idle: () => void },
): SocketLife {
  let heard = true;
  let usedAt = clock.now();
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel = clock.after(PING_MS, () => {
      if (!heard && !socket.isPaused) return on.gone(); // what is not read cannot be heard
      if (on.watches()) usedAt = clock.now();
      if (clock.now() - usedAt >= IDLE_MS) return on.idle();
      heard = false;
      socket.ping();
      wait();
    });
  };
  wait();
  return {
    heard: () => void (heard = true),
    used: () => void (usedAt = clock.now()),
    stop: () => cancel(),
  };
}
