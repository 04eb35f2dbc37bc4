import { setImmediate } from "node:timers/promises";
import type { FastifyInstance } from "fastify";

/**
 * Closes a server. Its streams end when it accepts no connection any more: a client that comes back at once reaches another server, or the next run, and is not refused by
 * this one. Resolves when every request that came before is answered.
 */
export async function leave(
  app: Pick<FastifyInstance, "close" | "server">,
  endStreams: () => void,
): Promise<void> {
  const closed = app.close();
  while (app.server.listening) await setImmediate();
  endStreams();
  await closed;
}
