import { fastify, type FastifyInstance } from "fastify";
import type { Clock } from "../../shared/base/clock.ts";
import { createDoor } from "../../shared/http/door/door.ts";
import { createDoorkeeper } from "../../shared/http/door/doorkeeper.ts";
import { codedError } from "../../shared/base/errors.ts";
import { askToken, ENTRANCE } from "../page/ask-token.ts";
import type { StatusPage } from "../page/page.ts";
import { isFromForeignPage, isNavigation, isOurHost } from "../../shared/http/web-page.ts";
import { isOwnPage, SAFE_HEADERS } from "../page/protect.ts";

/** One thing that the relay needs, and whether it is there. */
export type Dependency = { ok: boolean; detail: string };

/** A request that is not there whole by then is cut off: heads and forms are small. */
const REQUEST_MS = 5000;
const CHECK_MS = 1000;
/** Of any body: a form holds a token, a session id and a reason. Strangers may send one, so it must cost nothing to read. */
const MOST_FORM_BYTES: number = 16 * 1024;
/** Browsers keep six each, Prometheus one; an idle one costs 11 KB, so these are 3 MB. More are closed at once. */
export const MOST_CONNECTIONS = 256;
/** Idle ones make room again: longer than the page's second between two questions. */
const IDLE_MS = 5000;
/** Shows no session and no body, so that supervisors and Prometheus need no token; and what the page that asks for it is made of. */
const OPEN: ReadonlySet<string | undefined> = new Set([
  "/health",
  "/ready",
  "/metrics",
  "/page/style.css",
  "/page/icon.svg",
  ENTRANCE,
]);

/** The relay's own port, loopback only: health, readiness by dependency, metrics, and the status page. */
export async function startAdminServer(deps: {
  port: number;
  version: string;
  clock: Clock;
  /** With it, everything here may be seen and done. */
  token: string;
  ready(): Record<string, Dependency>;
  status(): unknown;
  page: Pick<StatusPage, "routes">;
  metrics: { text(): Promise<string>; contentType: string };
}): Promise<{ url: string; close(): Promise<void> }> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    bodyLimit: MOST_FORM_BYTES,
    // no hook sees a path that cannot be decoded: its answer must not repeat it either, there may be a token in it
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
    if (!isOurHost(request.headers.host)) return reply.code(403).send({ code: "host_refused" });
    if (isFromForeignPage(request.headers) && !isNavigation(request.method, request.headers))
      return reply.code(403).send({ code: "origin_refused" });
  });
  app.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string" },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );
  addDoor(app, deps);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ code: "not_found" }));
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

/** Everything but {@link OPEN} needs the token, also what is not there. */
function addDoor(app: FastifyInstance, { token, clock }: { token: string; clock: Clock }): void {
  const door = createDoor({ token, wall: () => clock.wall() });
  const keeper = createDoorkeeper({ door, clock, ask: askToken });
  app.addHook("onRequest", async (request, reply) => {
    if (OPEN.has(request.routeOptions.url)) return;
    if (await keeper.stops(request, reply)) return reply;
  });
  app.post(ENTRANCE, async (request, reply) => {
    if (!isOwnPage(request.headers)) return reply.code(403).send({ code: "origin_refused" });
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    return keeper.enter(request, reply, form.get("token") ?? "");
  });
}
