import { fastify, type FastifyInstance } from "fastify";
import type { Clock } from "../../base/clock.ts";
import { isLoopback } from "../guard.ts";
import { isFromForeignPage, isNavigation, isOurHost } from "../web-page.ts";
import { createDoor } from "./door.ts";
import { createDoorkeeper, type Doorkeeper } from "./doorkeeper.ts";
import { SAFE_HEADERS } from "./protect.ts";

/** Time limit for a whole request. Heads and forms are small. */
const REQUEST_MS = 5000;
const CHECK_MS = 1000;
/** Largest body: a form has a token, a session id and a reason. Requests without a token may send one too, so it must be cheap to read. */
const MOST_FORM_BYTES: number = 16 * 1024;
/** Most connections; more are closed at once. A browser keeps six, Prometheus one. An idle one costs 11 KB, so these cost 3 MB. */
export const MOST_CONNECTIONS = 256;
/** After this time an idle connection is closed. The page sends a request every second. */
const IDLE_MS = 5000;

/** A server whose routes need a token; the keeper stands at its door. */
export type ShutApp = { app: FastifyInstance; keeper: Doorkeeper };

/**
 * A server that shows sessions or acts. Everything but `open` needs the token, also what is not there; `ask` is the page that asks a
 * browser for it. Requests from foreign pages are refused. So are those by names that are not this machine's, where it listens on loopback: a page could
 * have its own name resolved to it. Beyond loopback the machine's names are not known, but such a page has neither the token nor its cookie.
 */
export function createShutApp(deps: {
  clock: Clock;
  token: string;
  /** Address of its port. */
  listen: string;
  open: ReadonlySet<string>;
  ask?: (wrong: boolean) => string;
  /** Largest body; that of a form by default. */
  mostBytes?: number;
}): ShutApp {
  const { clock, token, open, ask, mostBytes = MOST_FORM_BYTES } = deps;
  const local = isLoopback(deps.listen);
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    bodyLimit: mostBytes,
    // No hook sees a path that cannot be decoded. The answer must not repeat it, because it may contain a token.
    frameworkErrors(_error, _request, reply) {
      reply.hijack();
      reply.raw.writeHead(400, { ...SAFE_HEADERS, "content-type": "application/json" });
      reply.raw.end(JSON.stringify({ code: "request_malformed" }));
    },
    http: { headersTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS },
  });
  app.server.maxConnections = MOST_CONNECTIONS;
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(SAFE_HEADERS);
    if (local && !isOurHost(request.headers.host)) return reply.code(403).send({ code: "host_refused" });
    if (isFromForeignPage(request.headers) && !isNavigation(request.method, request.headers))
      return reply.code(403).send({ code: "origin_refused" });
  });
  const door = createDoor({ token, wall: () => clock.wall() });
  const keeper = createDoorkeeper({ door, clock, ask });
  app.addHook("onRequest", async (request, reply) => {
    if (open.has(request.routeOptions.url ?? "")) return;
    if (await keeper.stops(request, reply)) return reply;
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ code: "not_found" }));
  return { app, keeper };
}
