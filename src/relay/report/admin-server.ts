import { fastify } from "fastify";
import { codedError } from "../../shared/errors.ts";
import type { StatusPage } from "../page/page.ts";
import { isFromForeignPage, isNavigation, isOurHost } from "../../shared/web-page.ts";
import { SAFE_HEADERS } from "../page/protect.ts";

/** One thing that the relay needs, and whether it is there. */
export type Dependency = { ok: boolean; detail: string };

/** A request that is not there whole by then is cut off: heads and forms are small. */
const REQUEST_MS = 5000;
const CHECK_MS = 1000;

/** The relay's own port, loopback only: health, readiness by dependency, metrics, and the status page. */
export async function startAdminServer(deps: {
  port: number;
  version: string;
  ready(): Record<string, Dependency>;
  status(): unknown;
  page: Pick<StatusPage, "routes">;
  metrics: { text(): Promise<string>; contentType: string };
}): Promise<{ url: string; close(): Promise<void> }> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS },
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(SAFE_HEADERS);
    if (!isOurHost(request.headers.host)) return reply.code(403).send({ code: "host_refused" });
    if (isFromForeignPage(request.headers) && !isNavigation(request.method, request.headers))
      return reply.code(403).send({ code: "origin_refused" });
  });
  app.get("/health", () => ({ status: "alive", version: deps.version }));
  app.get("/ready", (_request, reply) => {
    const dependencies = deps.ready();
    const ready = Object.values(dependencies).every(({ ok }) => ok);
    return reply.code(ready ? 200 : 503).send({ ready, dependencies });
  });
  app.get("/status", () => deps.status());
  deps.page.routes(app);
  app.get("/metrics", async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  );
  try {
    const url = await app.listen({ host: "127.0.0.1", port: deps.port });
    return { url, close: () => app.close() };
  } catch (cause) {
    throw codedError("port_taken", `the relay's admin port ${deps.port} cannot be used`, { cause });
  }
}
