import { fastify } from "fastify";
import { codedError } from "../../shared/errors.ts";

/** One thing that the relay needs, and whether it is there. */
export type Dependency = { ok: boolean; detail: string };

/** The relay's own port, loopback only: health, readiness by dependency, metrics. */
export async function startAdminServer(deps: {
  port: number;
  version: string;
  ready(): Record<string, Dependency>;
  status(): unknown;
  metrics: { text(): Promise<string>; contentType: string };
}): Promise<{ url: string; close(): Promise<void> }> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.addHook("onRequest", async (request, reply) => {
    // a web page that rebinds its name to loopback would read what waits here
    const host = request.headers.host?.replace(/:\d+$/, "");
    if (host !== "127.0.0.1" && host !== "localhost") return reply.code(403).send({ code: "host_refused" });
  });
  app.get("/health", () => ({ status: "alive", version: deps.version }));
  app.get("/ready", (_request, reply) => {
    const dependencies = deps.ready();
    const ready = Object.values(dependencies).every(({ ok }) => ok);
    return reply.code(ready ? 200 : 503).send({ ready, dependencies });
  });
  app.get("/status", () => deps.status());
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
