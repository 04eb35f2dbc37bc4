import type { FastifyInstance } from "fastify";
import type { PartDeps } from "../../http/part.ts";

/** Whether sessions can be used now. Anybody may ask, so that it says nothing of this machine. */
export function addHealth(app: FastifyInstance, deps: PartDeps & { logUp: () => boolean }): void {
  const { clock, version, logUp } = deps;
  app.get("/api/v1/health", { config: { open: true } }, async (_request, reply) => {
    const up = logUp();
    return reply.code(up ? 200 : 503).send({
      status: up ? "healthy" : "unhealthy",
      timestamp: new Date(clock.wall()).toISOString(),
      version,
      db_status: up ? "connected" : "error",
    });
  });
}
