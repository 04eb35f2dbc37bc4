import type { Clock } from "../../shared/base/clock.ts";
import { createShutApp, listenOnLoopback } from "../../shared/http/door/shut-app.ts";

/** A dependency of the relay, and whether it is available. */
export type Dependency = { ok: boolean; detail: string };

/** These show no session and no body, so that supervisors and Prometheus need no token. */
const OPEN: ReadonlySet<string> = new Set(["/health", "/ready", "/metrics"]);

/** The relay's own port, loopback only: health, readiness by dependency and metrics, and to those with the token its status in detail. */
export async function startAdminServer(deps: {
  port: number;
  version: string;
  clock: Clock;
  /** With it, `/status` may be read. */
  token: string;
  ready(): Record<string, Dependency>;
  status(): unknown;
  metrics: { text(): Promise<string>; contentType: string };
}): Promise<{ url: string; close(): Promise<void> }> {
  const { app } = createShutApp({ ...deps, open: OPEN });
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
  const url = await listenOnLoopback(app, "relay's admin", deps.port);
  return { url, close: () => app.close() };
}
