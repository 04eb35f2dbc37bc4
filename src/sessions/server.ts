import { fastify, type FastifyInstance } from "fastify";
import type { Clock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
import { problemOf } from "../shared/http/problem.ts";
import { refuseSocket } from "../shared/http/server.ts";
import type { Entrance } from "./access/open-access.ts";
import { readTls } from "../shared/http/tls-files.ts";
import { admit } from "./http/admission.ts";
import { readBodies } from "./http/bodies.ts";
import { followMethods } from "./http/methods.ts";
import type { Part, PartDeps } from "./http/part.ts";
import { speakBothVersions, VERSIONS } from "./http/protocols.ts";
import { answerProblems } from "./http/problems.ts";
import { logRequests } from "./http/request-log.ts";
import { acceptSockets } from "./stream/socket-server.ts";

// http/protocols.ts speaks HTTP/1.1 and HTTP/2 · http/admission.ts lets requests in (access/ knows who sends them) · http/bodies.ts reads them · http/problems.ts, http/methods.ts refuse · http/request-log.ts writes down ·
// the parts answer, each a protocol over core/: native/ and what else serve.ts names
// What holds for every protocol is done here once, in hooks, so that no protocol can forget it.

/** Limits for requests, each with its reason. */
const LIMITS = {
  /** Time for a request's head (408). */
  headMs: 10_000,
  /** Largest head (431): Node's default. */
  headBytes: 16 * 1024,
  /** How often the time limits are checked. */
  checkEveryMs: 1000,
  /** Idle connections: longer than the usual pause between two requests of a client. */
  keepAliveMs: 65_000,
  /** Longest parameter of a path: an id of 200 bytes, each written as `%XX`. */
  parameter: 600,
} as const;

/** No route has a schema of Fastify's: bodies are checked in http/checked.ts. So its compilers, which take 5 MB, are not loaded. */
const NO_SCHEMAS = {
  compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler },
} as const;

function noCompiler(): never {
  throw new Error("no route has a schema of Fastify's");
}

export type ServerOptions = { maxBody: number };

export type ServerDeps = PartDeps & { clock: Clock; entrance: Entrance; stopping: () => boolean };

/** Makes the server out of its parts. It listens nowhere yet. */
export function createServer(
  options: ServerOptions,
  deps: ServerDeps,
  parts: readonly Part[],
): FastifyInstance {
  const { tls, proxies } = deps.entrance;
  const http = {
    headersTimeout: LIMITS.headMs,
    connectionsCheckingInterval: LIMITS.checkEveryMs,
    maxHeaderSize: LIMITS.headBytes,
  };
  const app = fastify({
    logger: false,
    trustProxy: proxies.length > 0 && proxies,
    forceCloseConnections: "idle",
    return503OnClosing: false, // answered like every other refusal
    requestTimeout: 0, // bodies have their own limit, and answers may last for hours
    keepAliveTimeout: LIMITS.keepAliveMs,
    bodyLimit: options.maxBody,
    routerOptions: { maxParamLength: LIMITS.parameter },
    schemaController: NO_SCHEMAS,
    ...(tls === undefined ? { http } : { https: { ...http, ...readTls(tls), ALPNProtocols: VERSIONS } }),
    // no hook sees a path that cannot be decoded
    frameworkErrors(_error, _request, reply) {
      const { status, headers, body } = problemOf("request_malformed", "the path cannot be decoded");
      reply.hijack();
      reply.raw.writeHead(status, headers).end(body);
    },
    clientErrorHandler(error, socket) {
      const tooLarge = error.code === "HPE_HEADER_OVERFLOW";
      const late = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
      const code = tooLarge ? "headers_too_large" : late ? "request_timeout" : "request_malformed";
      refuseSocket(socket, code, code === "request_malformed" ? "the request is not valid HTTP" : "");
    },
  });
  speakBothVersions(app, { clock: deps.clock, headMs: LIMITS.headMs });
  const methods = followMethods(app);
  logRequests(app, deps);
  admit(app, deps);
  readBodies(app, { limit: options.maxBody, clock: deps.clock });
  answerProblems(app, deps);
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.of(request.url.split("?", 1)[0] ?? "").join(", ");
    if (allowed === "") throw codedError("not_found", "no such resource");
    void reply.header("allow", allowed);
    throw codedError("method_not_allowed", `this path has only ${allowed}`);
  });
  acceptSockets(app);
  // behind it, so that it knows their routes
  void app.register(async (scope) => {
    for (const add of parts) add(scope, deps);
  });
  return app;
}
