import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "../shared/base/logger.ts";
import { framingProblem } from "../shared/http/framing.ts";
import { createGuard, type Guard } from "../shared/http/guard.ts";
import { refuseMethod, refuseUnread, sendProblem } from "../shared/http/reply.ts";
import { refuseSocket, type Handler } from "../shared/http/server.ts";
import { notPassable, type NotPassable } from "../shared/messages/tunnel/passable.ts";
import type { Served } from "./entrance.ts";
import type { Counts } from "./report/counts.ts";
import type { createOwnRoutes } from "./report/own.ts";
import type { createPassages, Passage } from "./route/passage.ts";
import { matchRoute } from "./route/routes.ts";
import type { Shield } from "./runner/index.ts";
import type { Tunnel } from "./tunnel/tunnel.ts";
import type { createWrites } from "./writes/writes.ts";

type ServingDeps = {
  /** Address of the port, and the token that it asks for. */
  listen: string;
  token: string | undefined;
  stopping: () => boolean;
  write: ReturnType<typeof createWrites>;
  own: ReturnType<typeof createOwnRoutes>;
  shield: Shield;
  tunnel: Tunnel;
  passages: ReturnType<typeof createPassages>;
  counts: Counts;
  logger: Logger;
};

const STOPPING = ["gateway_stopping", "the gateway is stopping"] as const;

/** What serves the port, and what serves the socket beside it: only the port asks for a token, because only its user can open the socket. */
export function createServing(deps: ServingDeps): { port: Served; socket: Served } {
  const { listen, token } = deps;
  const serve = (guard: Guard): Served => ({
    request: (...came) => onRequest(deps, guard, ...came),
    upgrade: (...came) => onUpgrade(deps, guard, ...came),
  });
  return {
    port: serve(createGuard({ listen, token })),
    socket: serve(createGuard({ listen: "localhost", token: undefined })),
  };
}

function onRequest(
  deps: ServingDeps,
  guard: Guard,
  ...[request, response, start]: Parameters<Handler>
): void {
  const { counts, logger } = deps;
  const { method = "", url = "", headers } = request;
  const refused = guard(headers);
  if (refused !== undefined) {
    counts.refused(refused.code);
    logger.warn({ code: refused.code, method }, "request refused");
    return refuseUnread(request, response, refused.code, refused.detail);
  }
  const route = matchRoute(method, url);
  const stopping = deps.stopping();
  if (stopping) response.shouldKeepAlive = false;
  switch (route.kind) {
    case "write":
      if (stopping) return refuseUnread(request, response, ...STOPPING);
      deps.shield.reported(route);
      return deps.write(request, response, route, start);
    case "undecodable":
      return refuseUnread(request, response, "session_id_invalid", "session_id is not valid Unicode text");
    case "ambiguous":
      counts.refused("path_ambiguous");
      return refuseUnread(request, response, "path_ambiguous", "the path is ambiguous");
    case "method":
      counts.refused("method_not_allowed");
      return refuseMethod(request, response, route.allow);
    case "own":
      request.resume();
      deps.own(request, response, route.segments, route.query).catch((error: unknown) => {
        logger.error({ err: error }, "request failed unexpectedly");
        sendProblem(response, "internal", "unexpected failure");
      });
      return;
    case "other":
      return passOn(deps, request, response, start);
  }
}

function passOn(deps: ServingDeps, ...[request, response, start]: Parameters<Handler>): void {
  const { counts, shield, tunnel, passages } = deps;
  const problem = passProblem(request, undefined);
  if (problem !== undefined) {
    counts.refused(problem.code);
    return refuseUnread(request, response, problem.code, problem.text);
  }
  const passage = (): Passage => passages.ofRequest(request, response);
  if (shield.serve(request, response, start, passage)) return;
  if (deps.stopping()) return refuseUnread(request, response, ...STOPPING);
  tunnel.serve(request, response, start, passage());
}

function onUpgrade(
  { stopping, tunnel, passages }: ServingDeps,
  guard: Guard,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const refused = guard(request.headers);
  if (refused !== undefined) return refuseSocket(socket, refused.code, refused.detail);
  if (stopping()) return refuseSocket(socket, ...STOPPING);
  if (matchRoute(request.method ?? "", request.url ?? "").kind !== "other")
    return refuseSocket(socket, "not_found", "this path does not support upgrades");
  const problem = passProblem(request, request.headers.upgrade);
  if (problem !== undefined) return refuseSocket(socket, problem.code, problem.text);
  tunnel.upgrade(request, socket, head, passages.ofUpgrade(request, socket));
}

/** Why a request that is no write cannot be passed on. Pure. */
function passProblem(request: IncomingMessage, upgrade: string | undefined): NotPassable | undefined {
  const text = framingProblem(request, upgrade !== undefined);
  if (text !== undefined) return { code: "framing_invalid", text };
  const { method = "", url: target = "", rawHeaders: headers } = request;
  return notPassable({ method, target, headers, upgrade });
}
