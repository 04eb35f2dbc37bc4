import type { FastifyInstance } from "fastify";
import type { Logger } from "../../shared/base/logger.ts";
import { traceIdOf, traceOf } from "../../shared/base/tracing.ts";
import { countIn, type Counts } from "./counts.ts";

/** One line for each request, when its answer was sent or its client went away. Routes that anybody may ask, and often does, are only of interest to a debugger. */
export function logRequests(app: FastifyInstance, { log, counts }: { log: Logger; counts: Counts }): void {
  app.addHook("onResponse", async (request, reply) => {
    const { method, routeOptions, headers, caller, facts } = request;
    const route = routeOptions.url ?? "none";
    const { statusCode: status } = reply;
    countIn(counts.requests, route);
    countIn(counts.answers, `${Math.floor(status / 100)}xx`);
    const trace = traceIdOf(traceOf(headers));
    const line = {
      method,
      route,
      status,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      ...(caller === null ? {} : { user: caller.user }),
      ...facts,
      ...(trace === undefined ? {} : { trace }),
    };
    if (routeOptions.config.open === true) log.debug(line, "request");
    else log.info(line, "request");
  });
}
