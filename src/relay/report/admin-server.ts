import type { Clock } from "../../shared/base/clock.ts";
import { openOwnPort } from "../../shared/http/door/own-port.ts";
import { createShutApp } from "../../shared/http/door/shut-app.ts";
import { isLoopback } from "../../shared/http/guard.ts";
import { USUAL_PORT } from "../../shared/settings/index.ts";
import type { Metrics } from "./metrics.ts";

/**
 * A dependency of the relay, and whether it is available. Of the log also since when that is so, and how much the relay knows to wait there; of the coordinator
 * also how many requests it has at once.
 */
export type Dependency = {
  ok: boolean;
  detail: string;
  since?: string;
  waiting?: { events: number };
  concurrency?: { allowed: number; bound: number };
};

/** These show no session and no body, so that supervisors need no token. */
const OPEN: ReadonlySet<string> = new Set(["/health", "/ready"]);
/** On loopback Prometheus needs none either. */
const OPEN_ON_LOOPBACK: ReadonlySet<string> = new Set([...OPEN, "/metrics"]);

/** The relay's own port: health, readiness by dependency and metrics, and to those with the token its status in detail. */
export async function startAdminServer(deps: {
  listen: string;
  port: number | undefined;
  /** The one that the last run had (own-port.ts). */
  keptPort: number | undefined;
  version: string;
  clock: Clock;
  /** With it, `/status` may be read. */
  token: string;
  ready(): Record<string, Dependency>;
  /** Of a process that serves several logs: how each is. */
  logs?(): Record<string, unknown>;
  status(): unknown;
  metrics: Metrics;
}): Promise<{ url: string; close(): Promise<void> }> {
  const { app } = createShutApp({ ...deps, open: isLoopback(deps.listen) ? OPEN_ON_LOOPBACK : OPEN });
  app.get("/health", () => ({ status: "alive", version: deps.version }));
  app.get("/ready", (_request, reply) => {
    const dependencies = deps.ready();
    const ready = Object.values(dependencies).every(({ ok }) => ok);
    const logs = deps.logs?.();
    return reply.code(ready ? 200 : 503).send({ ready, dependencies, ...(logs && { logs }) });
  });
  app.get("/status", () => deps.status());
  app.get("/metrics", async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  );
  const url = await openOwnPort(app, {
    name: "the relay's admin",
    flag: "--admin-port (RUNNER_RELAY_ADMIN_PORT)",
    listen: deps.listen,
    port: deps.port,
    kept: deps.keptPort,
    usual: USUAL_PORT.relay,
  });
  return { url, close: () => app.close() };
}
