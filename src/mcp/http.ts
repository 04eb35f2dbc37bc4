import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../shared/base/clock.ts";
import { createShutApp } from "../shared/http/door/shut-app.ts";
import { CALLER_HEADERS, callerOf, type Caller } from "./caller.ts";
import { createMcpHandler, type ServerContext } from "./library.ts";
import { createServer, type ServerParts } from "./server.ts";

export const MCP_PATH = "/mcp";

/** Largest request: the parameters of a run, with room for how JSON escapes them. */
const MOST_BYTES = 1024 * 1024;

/** Most connections: each call that waits for its run has one. An idle one costs 11 KB. */
const MOST_CALLS = 1024;

/**
 * Serves the tools over streamable HTTP, on loopback and with a token. No state is kept between requests, so that clients survive a restart. A client that
 * goes away cancels its call.
 */
export function createMcpApp(deps: {
  parts: Pick<ServerParts, "tools" | "version">;
  clock: Clock;
  token: string;
  listen: string;
  /** Called for demands that cannot be read. */
  ignored: (header: string) => void;
}): FastifyInstance {
  const { parts, ignored, ...door } = deps;
  const { app } = createShutApp({ ...door, open: new Set(), mostBytes: MOST_BYTES });
  app.server.maxConnections = MOST_CALLS;
  const callerIn = ({ http }: ServerContext): Caller => {
    const header = (name: string): string | null => http?.req?.headers.get(name) ?? null;
    const read = callerOf({
      sessionId: header(CALLER_HEADERS.sessionId),
      tags: header(CALLER_HEADERS.tags),
      demands: header(CALLER_HEADERS.demands),
    });
    if (read.ignored) ignored(CALLER_HEADERS.demands);
    return read.caller;
  };
  // a stream from the start, kept alive: clients give up on an answer whose head does not come within minutes, and a run may take longer
  const handler = createMcpHandler(() => createServer({ ...parts, callerOf: callerIn }), {
    responseMode: "sse",
  });
  app.addHook("onClose", () => handler.close());
  app.route({
    method: ["GET", "POST", "DELETE"],
    url: MCP_PATH,
    handler: async (request, reply) => {
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const answer = await handler.fetch(webRequest(request, gone.signal), { parsedBody: request.body });
      return reply.send(answer);
    },
  });
  return app;
}

function webRequest({ method, headers, url, body }: FastifyRequest, signal: AbortSignal): Request {
  const copied = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, [value].flat().join(", ")]],
  );
  return new Request(`http://${headers.host ?? "127.0.0.1"}${url}`, {
    method,
    headers: copied,
    signal,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
