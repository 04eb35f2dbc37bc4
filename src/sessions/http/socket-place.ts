import type { FastifyRequest } from "fastify";
import type { UserGate } from "../access/user-limits.ts";
import { granted } from "./checked.ts";
import { callerOf } from "./part.ts";

/** Counts a WebSocket among the watchers of its user until its connection closes. Throws `too_many_watchers`. An upgrade that fails closes the connection, so that no place is left behind. */
export function takeSocketPlace(request: FastifyRequest, gate: Pick<UserGate, "watch">): void {
  const place = granted(gate.watch(callerOf(request)));
  const { socket } = request.raw;
  socket.once("close", () => place.giveBack());
  if (socket.destroyed) place.giveBack(); // the client left meanwhile, and "close" may be over
}
