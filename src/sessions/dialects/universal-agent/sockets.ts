import type { FastifyInstance, FastifyRequest } from "fastify";
import { codedError } from "../../../shared/base/errors.ts";
import { countIn } from "../../http/counts.ts";
import { callerOf, note, type PartDeps } from "../../http/part.ts";
import { takeSocketPlace } from "../../http/socket-place.ts";
import { startOf, type Start } from "../../stream/start.ts";
import { SESSION_ID } from "./planned-session.ts";
import { idOf } from "./rest.ts";
import { serveAgentSocket, type AgentSocketDeps } from "./socket.ts";

/** The stream of a session, and the same under the name by which the web interface knows it. */
export function addSockets(app: FastifyInstance, deps: PartDeps & AgentSocketDeps): void {
  const serve = async (
    socket: Parameters<typeof serveAgentSocket>[1],
    request: FastifyRequest,
  ): Promise<void> => {
    const { id, start } = placeOf(request);
    const caller = callerOf(request);
    countIn(deps.counts.watchers, "universal-agent");
    const { why, error } = await serveAgentSocket(deps, socket, { caller, id, start });
    countIn(deps.counts.watchers, "universal-agent", -1);
    const line = { route: request.routeOptions.url, user: caller.user, session: id, why };
    if (error === undefined) deps.log.info(line, "socket");
    else deps.log.warn({ ...line, err: error }, "socket");
  };
  // what cannot be served is refused before there is a socket
  const preValidation = async (request: FastifyRequest): Promise<void> => {
    note(request, { session: placeOf(request).id });
    takeSocketPlace(request, deps.gate);
  };
  for (const url of ["/api/v1/sessions/:id/stream", "/ws/agent"])
    app.get(url, { websocket: true, preValidation }, serve);
}

/** Which session, and from where. Throws `session_id_invalid` and `cursor_invalid`. */
function placeOf(request: FastifyRequest): { id: string | undefined; start: Start } {
  const { session_id: named, after } = request.query as { session_id?: string; after?: string };
  const start = after === undefined ? "latest" : startOf(after);
  if (start === undefined) throw codedError("cursor_invalid", "after is no seq of a frame");
  if ("id" in (request.params as object)) return { id: idOf(request), start };
  const id = typeof named === "string" ? named.trim() : "";
  if (id === "") return { id: undefined, start };
  if (!SESSION_ID.test(id)) throw codedError("session_id_invalid", "Invalid session id format");
  return { id, start };
}
